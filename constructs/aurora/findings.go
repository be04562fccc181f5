package aurora

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"

	"wallet-infra/config"
)

// accept records the findings of cdk-nag on the cluster that are meant.
func accept(cluster awsrds.DatabaseCluster, env config.Environment) {}
