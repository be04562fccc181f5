package aurora

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
)

var exportedLogs = []string{"audit", "error", "slowquery"}

func EngineVersion(db config.Database) string { return "8.0.mysql_aurora." + db.EngineVersion }

func clusterParameters(db config.Database) map[string]string {
	return map[string]string{"require_secure_transport": "ON", "binlog_format": "ROW"}
}

func instanceParameters(db config.Database) map[string]string {
	return map[string]string{"max_connections": strconv.Itoa(db.MaxConnections)}
}

func newParameterGroup(scope constructs.Construct, id string, parameters map[string]string, env config.Environment) awsrds.ParameterGroup {
	values := map[string]*string{}
	for name, value := range parameters {
		values[name] = new(value)
	}
	return awsrds.NewParameterGroup(scope, new(id), &awsrds.ParameterGroupProps{
		Engine: awsrds.DatabaseClusterEngine_AuroraMysql(&awsrds.AuroraMysqlClusterEngineProps{
			Version: awsrds.AuroraMysqlEngineVersion_Of(new(EngineVersion(env.Database)), new("8.0")),
		}),
		Parameters:    &values,
		RemovalPolicy: removal(env),
	})
}

func newMonitoringRole(scope constructs.Construct, env config.Environment) awsiam.Role {
	return awsiam.NewRole(scope, new("MonitoringRole"), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(new("monitoring.rds.amazonaws.com"), nil),
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(new("service-role/AmazonRDSEnhancedMonitoringRole")),
		},
	})
}

func removal(env config.Environment) awscdk.RemovalPolicy {
	if env.Protected {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}

func clusterRemoval(env config.Environment) awscdk.RemovalPolicy {
	if env.Protected {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_SNAPSHOT
}
