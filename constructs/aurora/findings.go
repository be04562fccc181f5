package aurora

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"

	"wallet-infra/constructs/acknowledge"
)

// acknowledgeFindings records the findings of cdk-nag on the cluster that are meant.
func acknowledgeFindings(cluster awsrds.DatabaseCluster, protected bool) {
	acknowledge.Findings(cluster,
		acknowledge.Accepted{
			Rule:   "AwsSolutions-RDS11",
			Reason: "The port is reachable from named security groups in private subnets only, over TLS; another number would hide nothing there and is one more thing for every client to know.",
		},
		acknowledge.Accepted{
			Rule:   "AwsSolutions-RDS14",
			Reason: "Aurora offers no Backtrack on a global database, and rewinding a ledger in place loses acknowledged payments: point-in-time recovery into a second cluster replaces it.",
		},
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-RDSLoggingEnabled",
			Reason: "The general log would copy every statement, and with it personal data, to a log; the audit log records connections, rights and schema changes instead.",
			Only:   []string{"LogExport::general"},
		},
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-RDSAutomaticMinorVersionUpgradeEnabled",
			Reason: "The version is pinned to a minor of the long-term support line, which AWS patches: minors change here by a reviewed deployment, and an unattended upgrade would make the next one ask for a downgrade.",
		},
	)
	acknowledge.Warning(cluster, "W3010", "Each instance stands in a zone of its own, which config names: a lookup would need an account, and could give two zones.")
	if !protected {
		acknowledge.Finding(cluster, "AwsSolutions-RDS10",
			"An unprotected environment holds synthetic data and must be removable; its cluster leaves a last snapshot.")
	}
}
