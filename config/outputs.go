package config

// The outputs of the Compute stack, and of the standby's DR-Compute: what the
// delivery commands must find of a running environment, and what CloudFormation
// named by itself. A command reads
// them from the deployed stack, so that it never meets another environment's.
const (
	OutputCluster        = "ClusterName"         // the ECS cluster
	OutputService        = "ServiceName"         // the ECS service
	OutputProductionRule = "ProductionRuleArn"   // the listener rule whose weights ECS changes
	OutputBlueTargets    = "BlueTargetGroupArn"  // the first of the rule's two target groups
	OutputGreenTargets   = "GreenTargetGroupArn" // the other one
	OutputTestListener   = "TestListenerArn"     // where a new version is tried before it takes traffic
)

// The outputs of Compute alone that describe the migration task.
const (
	OutputMigrationTask          = "MigrationTaskDefinitionArn" // with its revision
	OutputMigrationSubnets       = "MigrationSubnets"           // subnet IDs, separated by commas
	OutputMigrationSecurityGroup = "MigrationSecurityGroup"     // the group's ID
)

// MigrationRelease is the variable that tells the migration task the tag of its image.
const MigrationRelease = "RELEASE"

// MigrationContainer is the name of the one container of the migration task.
const MigrationContainer = "migrate"
