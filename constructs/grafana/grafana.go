// Package grafana makes the Managed Grafana workspace. It stands in us-east-1,
// because AWS does not offer Managed Grafana in sa-east-1, and reads Prometheus
// and CloudWatch there. What people look at therefore leaves Brazil: metrics
// carry no personal data (no wallet ID, name or document in a label), logs are
// not readable from here at all, and traces, which name wallets in their URLs,
// are readable only where config lets data leave.
//
// CloudFormation cannot put a dashboard into a workspace, so the models in
// dashboards/ are imported by hand or through Grafana's API: docs/MONITORING.md.
package grafana

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsgrafana"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
)

// Workspace is the Grafana workspace.
type Workspace struct {
	// URL is where people sign in.
	URL string
}

// Props describe the workspace.
type Props struct {
	Names    config.Names
	Region   config.Region // of the workspace
	Identity config.GrafanaIdentity
	Version  string // such as "10.4"
	// MetricRegions are those whose metrics people see; the first one has Prometheus.
	MetricRegions []config.Region
	// Traces lets people see traces, which name wallets.
	Traces bool
}

// New makes the workspace and the role through which it reads.
func New(scope constructs.Construct, props Props) Workspace {
	own := constructs.NewConstruct(scope, new("Grafana"))
	identity := props.Identity
	workspace := awsgrafana.NewCfnWorkspace(own, new("Workspace"), &awsgrafana.CfnWorkspaceProps{
		Name:                    new(props.Names.Prefix()),
		Description:             new("Business and technical metrics of the wallet, " + props.Names.Environment()),
		AccountAccessType:       new("CURRENT_ACCOUNT"),
		AuthenticationProviders: &[]*string{new(identity.Provider)},
		// Service-managed roles are made by the console alone; this one is reviewed
		// with the rest of the platform.
		PermissionType:     new("CUSTOMER_MANAGED"),
		RoleArn:            newRole(own, props).RoleArn(),
		DataSources:        dataSources(props.Traces),
		GrafanaVersion:     new(props.Version),
		PluginAdminEnabled: new(false), // a plugin would run beside the role's credentials
		SamlConfiguration:  samlConfiguration(identity),
	})
	return Workspace{URL: "https://" + *workspace.AttrEndpoint()}
}

// dataSources are the sources that people may add in the workspace.
func dataSources(traces bool) *[]*string {
	sources := []*string{new("PROMETHEUS"), new("CLOUDWATCH")}
	if traces {
		sources = append(sources, new("XRAY"))
	}
	return &sources
}

// samlConfiguration is nil for IAM Identity Center, where people are assigned to
// the workspace in its console.
func samlConfiguration(identity config.GrafanaIdentity) any {
	if identity.Provider != "SAML" {
		return nil
	}
	var admins []*string
	for _, role := range identity.SAMLAdminRoles {
		admins = append(admins, new(role))
	}
	return &awsgrafana.CfnWorkspace_SamlConfigurationProperty{
		IdpMetadata:         &awsgrafana.CfnWorkspace_IdpMetadataProperty{Url: new(identity.SAMLMetadataURL)},
		AssertionAttributes: &awsgrafana.CfnWorkspace_AssertionAttributesProperty{Role: new("role"), Login: new("mail"), Email: new("mail"), Name: new("displayName")},
		RoleValues:          &awsgrafana.CfnWorkspace_RoleValuesProperty{Admin: &admins},
	}
}

// newRole lets this account's workspaces read metrics.
func newRole(scope constructs.Construct, props Props) awsiam.Role {
	names := props.Names
	role := awsiam.NewRole(scope, new("Role"), &awsiam.RoleProps{
		Description: new("What the Grafana workspace of " + names.Environment() + " may read"),
		AssumedBy: awsiam.NewServicePrincipal(new("grafana.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": names.Account()},
				"ArnLike":      map[string]any{"aws:SourceArn": names.ARN("grafana", props.Region, "/workspaces/*")},
			},
		}),
	})
	workspaces := names.ARN("aps", props.MetricRegions[0], "workspace/*")
	query := policy.Allow("QueryPrometheus", []string{workspaces},
		"aps:QueryMetrics", "aps:GetLabels", "aps:GetSeries", "aps:GetMetricMetadata")
	// Prometheus is made after this stack, with an ID that AWS draws: its tag is
	// what is known of it here.
	query.Conditions = map[string]any{"StringEquals": map[string]any{"aws:ResourceTag/Environment": names.Environment()}}
	role.AddToPolicy(query.CDK())
	role.AddToPolicy(readEverywhere("ReadMetrics", props.MetricRegions,
		"cloudwatch:ListMetrics", "cloudwatch:GetMetricData").CDK())
	if props.Traces {
		role.AddToPolicy(readEverywhere("ReadTraces", props.MetricRegions,
			"xray:BatchGetTraces", "xray:GetTraceSummaries", "xray:GetTraceGraph", "xray:GetServiceGraph").CDK())
	}
	acknowledge.Findings(role,
		acknowledge.Accepted{
			Rule:   "AwsSolutions-IAM5",
			Reason: "The metric and trace read actions take no resource in IAM; the statement is bound to the platform's two regions",
			Only:   []string{"Resource::*"},
		},
		acknowledge.Accepted{
			Rule:   "AwsSolutions-IAM5",
			Reason: "AWS draws the Prometheus workspace's ID after this stack exists; the condition on its Environment tag leaves this environment's workspace alone",
			Only:   []string{"Resource::" + workspaces},
		},
		acknowledge.Accepted{Rule: "PCI.DSS.321-IAMNoInlinePolicy", Reason: "The policy belongs to this one role and is reviewed and removed with it"},
	)
	return role
}

// readEverywhere allows read actions for which IAM offers no resource, in some
// regions.
func readEverywhere(sid string, regions []config.Region, actions ...string) policy.Statement {
	var names []string
	for _, region := range regions {
		names = append(names, region.Name)
	}
	statement := policy.Allow(sid, []string{"*"}, actions...)
	statement.Conditions = map[string]any{"StringEquals": map[string]any{"aws:RequestedRegion": names}}
	return statement
}
