package aurora

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/network"
)

// SecondaryProps describe the second region's database.
type SecondaryProps struct {
	Names  config.Names
	Region config.Region // the second one; SourceRegion has the primary cluster
	// SourceRegion is read when the cluster is created and never again.
	SourceRegion config.Region
	// Database is the primary's: the two are equal but for the number of Instances.
	Database  config.Database
	Instances int
	// Protected keeps the cluster and what it needs when the stack goes.
	Protected bool
	Network   network.Network // the second region's
	// SecretsKey encrypts the replicas of the primary's secrets in this region.
	SecretsKey awskms.IKey
	// LogKey encrypts the log groups; its policy must allow CloudWatch Logs.
	LogKey awskms.IKey
}

// NewSecondary makes the secondary cluster: read-only until a switchover or a
// failover makes it the writer. It is bound to the global database
// by name alone and has no user, password or schema of its own: it takes all
// three from the primary, and AWS refuses them here. In everything else it is
// the primary's equal, because after a failover it is the primary.
func NewSecondary(scope constructs.Construct, props SecondaryProps) Database {
	own := constructs.NewConstruct(scope, new("Database"))
	key := encryption.NewKey(own, "Key", encryption.Props{
		Names:   props.Names,
		Alias:   "database",
		Purpose: "Encrypts the replica of the wallet's database and its insights",
	})
	group := props.Network.NewGroup(own, "SecurityGroup", "The replicated database: answers its clients and opens no connection itself")
	group.ApplyRemovalPolicy(removal(props.Protected))
	cluster := newSecondaryCluster(own, key, group, props)
	cluster.Node().AddDependency(newLogGroups(own, Props{
		Names: props.Names, Region: props.Region, Database: props.Database, Protected: props.Protected, LogKey: props.LogKey,
	})...)
	addSecondaryInstances(own, cluster, key, props)
	return Database{
		Name:          props.Names.DatabaseClusterName(props.Region),
		Writer:        *cluster.AttrEndpointAddress(),
		Reader:        *cluster.AttrReadEndpointAddress(),
		SecurityGroup: group,
		AdminSecret:   replicatedSecret(own, "AdminSecret", props.Names.DatabaseAdminSecret(), props),
		AppSecret:     replicatedSecret(own, "AppSecret", props.Names.DatabaseAppSecret(), props),
		SecretsKey:    *props.SecretsKey.KeyArn(),
	}
}

// newSecondaryCluster speaks CloudFormation: CDK's own cluster insists on
// credentials.
func newSecondaryCluster(scope constructs.Construct, key awskms.IKey, group awsec2.ISecurityGroup, props SecondaryProps) awsrds.CfnDBCluster {
	db := props.Database
	subnets := awsrds.NewSubnetGroup(scope, new("Subnets"), &awsrds.SubnetGroupProps{
		Description:   new("The database tier of the second region"),
		Vpc:           props.Network.Vpc,
		VpcSubnets:    props.Network.Database(),
		RemovalPolicy: removal(props.Protected),
	})
	parameters := newParameterGroup(scope, "ClusterParameters", clusterParameters(db), db, props.Protected)
	cluster := awsrds.NewCfnDBCluster(scope, new("Cluster"), &awsrds.CfnDBClusterProps{
		GlobalClusterIdentifier: new(props.Names.GlobalClusterName()),
		// RDS copies an encrypted volume to another region only if the request names
		// the region that it comes from. It is read at creation, when a primary must
		// be there anyway, and stays as it is whoever is the writer later: another
		// value would replace the cluster.
		SourceRegion:                       new(props.SourceRegion.Name),
		DbClusterIdentifier:                new(props.Names.DatabaseClusterName(props.Region)),
		Engine:                             new("aurora-mysql"),
		EngineVersion:                      new(EngineVersion(db)),
		StorageType:                        new(string(db.Storage)),
		StorageEncrypted:                   new(true),
		KmsKeyId:                           key.KeyArn(),
		DbSubnetGroupName:                  subnets.SubnetGroupName(),
		VpcSecurityGroupIds:                &[]any{group.SecurityGroupId()},
		DbClusterParameterGroupName:        parameters.BindToCluster(&awsrds.ParameterGroupClusterBindOptions{}).ParameterGroupName,
		EnableIamDatabaseAuthentication:    new(true),
		EnableCloudwatchLogsExports:        jsii.Strings(exportedLogs...),
		BackupRetentionPeriod:              jsii.Number(db.BackupRetentionDays),
		PreferredBackupWindow:              new(db.BackupWindow),
		PreferredMaintenanceWindow:         new(db.MaintenanceWindow),
		CopyTagsToSnapshot:                 new(true),
		DeletionProtection:                 new(props.Protected),
		DatabaseInsightsMode:               new(string(db.Insights)),
		PerformanceInsightsEnabled:         new(true),
		PerformanceInsightsKmsKeyId:        key.KeyArn(),
		PerformanceInsightsRetentionPeriod: jsii.Number(db.Insights.RetentionDays()),
	})
	cluster.ApplyRemovalPolicy(clusterRemoval(props.Protected), nil)
	acknowledgeSecondary(cluster)
	return cluster
}

// addSecondaryInstances spreads the instances over the region's zones. They read
// until the switch, and then one of them is the writer.
func addSecondaryInstances(scope constructs.Construct, cluster awsrds.CfnDBCluster, key awskms.IKey, props SecondaryProps) {
	db, zones := props.Database, props.Region.Zones
	parameters := newParameterGroup(scope, "InstanceParameters", instanceParameters(db), db, props.Protected).
		BindToInstance(&awsrds.ParameterGroupInstanceBindOptions{})
	role := newMonitoringRole(scope, props.Names, props.Protected)
	var before awsrds.CfnDBInstance
	for i := range props.Instances {
		instance := awsrds.NewCfnDBInstance(scope, new(readerID(i+1)), &awsrds.CfnDBInstanceProps{
			DbClusterIdentifier:  cluster.Ref(),
			Engine:               new("aurora-mysql"),
			DbInstanceClass:      new("db." + db.InstanceType),
			AvailabilityZone:     new(zones[i%len(zones)]),
			DbParameterGroupName: parameters.ParameterGroupName,
			PubliclyAccessible:   new(false),
			// As in the primary: a restart waits for the window.
			ApplyImmediately:           new(false),
			PreferredMaintenanceWindow: new(db.ReaderWindow(i + 1)),
			// Pinned like the primary's; the two must be on one version to switch.
			AutoMinorVersionUpgrade:            new(false),
			CaCertificateIdentifier:            new("rds-ca-rsa2048-g1"),
			MonitoringInterval:                 jsii.Number(db.MonitoringInterval.Seconds()),
			MonitoringRoleArn:                  role.RoleArn(),
			EnablePerformanceInsights:          new(true),
			PerformanceInsightsKmsKeyId:        key.KeyArn(),
			PerformanceInsightsRetentionPeriod: jsii.Number(db.Insights.RetentionDays()),
		})
		instance.ApplyRemovalPolicy(removal(props.Protected), nil)
		if before != nil {
			instance.AddDependency(before) // one restarts at a time, as in the primary
		}
		before = instance
		acknowledge.Finding(instance, "PCI.DSS.321-RDSAutomaticMinorVersionUpgradeEnabled",
			"The minor of the long-term support line is pinned in config and must equal the primary's: an upgrade behind the template's back would make the next deployment ask for a downgrade.")
	}
}

// acknowledgeSecondary records the findings of cdk-nag on the cluster that are meant.
func acknowledgeSecondary(cluster awsrds.CfnDBCluster) {
	acknowledge.Findings(cluster,
		acknowledge.Accepted{
			Rule:   "AwsSolutions-RDS11",
			Reason: "The port is the one that the primary and the application use; the database tier has no route to the internet, and an unusual port would hide nothing from whoever is inside.",
		},
		acknowledge.Accepted{
			Rule:   "AwsSolutions-RDS14",
			Reason: "Aurora Global Database does not support Backtrack; point-in-time recovery covers 35 days.",
		},
		acknowledge.Accepted{
			Rule:   "PCI.DSS.321-RDSLoggingEnabled",
			Reason: "The general log would record every statement, and with them the customers' data. The audit log has who connected and who changed rights or schema.",
			Only:   []string{"LogExport::general"},
		},
	)
}
