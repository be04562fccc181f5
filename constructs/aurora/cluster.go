package aurora

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/logging"
	"wallet-infra/constructs/value"
)

// writerID is the construct of the instance that is the writer at creation.
const writerID = "Writer"

// cluster is the DB cluster and what is needed to reach it.
type cluster struct {
	cluster awsrds.DatabaseCluster
	arn     string
	group   awsec2.SecurityGroup
	// writer is the instance that must be there before anybody can log in.
	writer constructs.IConstruct
}

// storageTypes and insights translate config into CDK's names.
var (
	storageTypes = map[config.StorageType]awsrds.DBClusterStorageType{
		config.StorageStandard:    awsrds.DBClusterStorageType_AURORA,
		config.StorageIOOptimized: awsrds.DBClusterStorageType_AURORA_IOPT1,
	}
	insights = map[config.DatabaseInsights]struct {
		mode      awsrds.DatabaseInsightsMode
		retention awsrds.PerformanceInsightRetention
	}{
		config.InsightsStandard: {awsrds.DatabaseInsightsMode_STANDARD, awsrds.PerformanceInsightRetention_DEFAULT},
		config.InsightsAdvanced: {awsrds.DatabaseInsightsMode_ADVANCED, awsrds.PerformanceInsightRetention_MONTHS_15},
	}
)

// newCluster makes the cluster with its instances, groups and logs.
func newCluster(scope constructs.Construct, key awskms.IKey, admin awssecretsmanager.ISecret, props Props) cluster {
	db := props.Database
	group := props.Network.NewGroup(scope, "SecurityGroup", "The database: answers its clients and opens no connection itself")
	group.ApplyRemovalPolicy(removal(props.Protected))
	writer, readers := newInstances(scope, key, props)
	made := awsrds.NewDatabaseCluster(scope, new("Cluster"), &awsrds.DatabaseClusterProps{
		Engine:                          engine(db),
		ClusterIdentifier:               new(props.Names.DatabaseClusterName(props.Region)),
		DefaultDatabaseName:             new(config.DatabaseName),
		Credentials:                     awsrds.Credentials_FromSecret(admin, new(config.DatabaseAdminUser)),
		IamAuthentication:               new(true),
		Writer:                          writer,
		Readers:                         &readers,
		Vpc:                             props.Network.Vpc,
		VpcSubnets:                      props.Network.Database(),
		SecurityGroups:                  &[]awsec2.ISecurityGroup{group},
		ParameterGroup:                  newParameterGroup(scope, "ClusterParameters", clusterParameters(db), db, props.Protected),
		StorageType:                     storageTypes[db.Storage],
		StorageEncrypted:                new(true),
		StorageEncryptionKey:            key,
		Backup:                          &awsrds.BackupProps{Retention: value.Days(db.BackupRetentionDays), PreferredWindow: new(db.BackupWindow)},
		PreferredMaintenanceWindow:      new(db.MaintenanceWindow),
		CopyTagsToSnapshot:              new(true),
		DeletionProtection:              new(props.Protected),
		RemovalPolicy:                   clusterRemoval(props.Protected),
		CloudwatchLogsExports:           jsii.Strings(exportedLogs...),
		DatabaseInsightsMode:            insights[db.Insights].mode,
		PerformanceInsightRetention:     insights[db.Insights].retention,
		PerformanceInsightEncryptionKey: key,
		MonitoringInterval:              value.Duration(db.MonitoringInterval),
		MonitoringRole:                  newMonitoringRole(scope, props.Names, props.Protected),
	})
	node := made.Node()
	node.AddDependency(newLogGroups(scope, props)...)
	updateOneByOne(node, db.Readers)
	arn := *made.ClusterArn()
	if props.Standby.exists() {
		newGlobalCluster(scope, arn, props)
	}
	acknowledgeFindings(made, props.Protected)
	return cluster{cluster: made, arn: arn, group: group, writer: node.FindChild(new(writerID))}
}

// newInstances describes the writer and the readers, each in the next zone, so
// that the loss of one zone leaves an instance to take over.
func newInstances(scope constructs.Construct, key awskms.IKey, props Props) (awsrds.IClusterInstance, []awsrds.IClusterInstance) {
	db, zones := props.Database, props.Region.Zones
	parameters := newParameterGroup(scope, "InstanceParameters", instanceParameters(db), db, props.Protected)
	instance := func(id string, position int, window string) awsrds.IClusterInstance {
		return awsrds.ClusterInstance_Provisioned(new(id), &awsrds.ProvisionedClusterInstanceProps{
			InstanceType:       awsec2.NewInstanceType(new(db.InstanceType)),
			AvailabilityZone:   new(zones[position%len(zones)]),
			ParameterGroup:     parameters,
			PubliclyAccessible: new(false),
			// A new size, and whatever else restarts an instance, waits for the window.
			ApplyImmediately:           new(false),
			PreferredMaintenanceWindow: new(window),
			// The version is pinned to a minor of the long-term support line: an
			// upgrade behind the template's back would make the next deployment ask
			// for a downgrade, which RDS refuses.
			AutoMinorVersionUpgrade: new(false),
			// The authority whose root the clients have.
			CaCertificate: value.Once("database CA", awsrds.CaCertificate_RDS_CA_RSA2048_G1),
			// As on the cluster: a difference would be a question, not a choice.
			EnablePerformanceInsights:       new(true),
			PerformanceInsightRetention:     insights[db.Insights].retention,
			PerformanceInsightEncryptionKey: key,
		})
	}
	var readers []awsrds.IClusterInstance
	for i := range db.Readers {
		readers = append(readers, instance(readerID(i+1), i+1, db.ReaderWindow(i+1)))
	}
	return instance(writerID, 0, db.WriterWindow()), readers
}

// updateOneByOne makes CloudFormation change the readers one after the other. All of
// them depend on the writer already; with nothing between them a new size would
// restart all at once, among them the one that took over from the writer.
func updateOneByOne(cluster constructs.Node, readers int) {
	var before constructs.IConstruct
	for i := range readers {
		reader := cluster.FindChild(new(readerID(i + 1)))
		if before != nil {
			reader.Node().AddDependency(before)
		}
		before = reader
	}
}

// readerID is the construct of a reader, counted from 1.
func readerID(number int) string { return fmt.Sprintf("Reader%d", number) }

// exportedLogs are the logs that leave the instances. The general log stays off:
// it would record every statement, and with them the customers' data.
var exportedLogs = []string{"audit", "error", "slowquery"}

// newLogGroups makes the groups that RDS writes to before RDS does, which would
// make them unencrypted and without an end.
func newLogGroups(scope constructs.Construct, props Props) []constructs.IDependable {
	var groups []constructs.IDependable
	for _, log := range exportedLogs {
		groups = append(groups, logging.NewGroup(scope, "Log-"+log, logging.Props{
			Name:          props.Names.DatabaseLogGroup(props.Region, log),
			RetentionDays: props.Database.LogRetentionDays,
			Key:           props.LogKey,
			Keep:          props.Protected,
		}))
	}
	return groups
}

// newMonitoringRole lets RDS deliver Enhanced Monitoring, and only for this
// account's instances.
func newMonitoringRole(scope constructs.Construct, names config.Names, protected bool) awsiam.Role {
	role := awsiam.NewRole(scope, new("MonitoringRole"), &awsiam.RoleProps{
		Description: new("Delivers the database's Enhanced Monitoring"),
		AssumedBy: awsiam.NewServicePrincipal(new("monitoring.rds.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": names.Account()}},
		}),
		ManagedPolicies: &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(new("service-role/AmazonRDSEnhancedMonitoringRole")),
		},
	})
	role.ApplyRemovalPolicy(removal(protected))
	acknowledge.Finding(role, "AwsSolutions-IAM4",
		"RDS documents this policy as the role's only content; it writes to the log groups RDS* and to nothing else, and AWS changes it together with the service.",
		"Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole")
	return role
}
