package cost

import "wallet-infra/internal/cfn"

// byUse says what AWS bills a type by, where its being there alone costs nothing.
var byUse = map[string]string{
	"AWS::APS::RuleGroupsNamespace":      "query samples that its rules read",
	"AWS::APS::Workspace":                "samples ingested, queried and kept",
	"AWS::Backup::BackupVault":           "what it keeps",
	"AWS::Backup::RestoreTestingPlan":    "each tested restore, and its instances while it lasts",
	"AWS::CloudFront::Distribution":      "requests and data sent",
	"AWS::EC2::FlowLog":                  "log data",
	"AWS::ECR::ReplicationConfiguration": "images kept and sent",
	"AWS::ECR::Repository":               "images kept",
	"AWS::ECS::Cluster":                  "observations of Container Insights",
	"AWS::Events::Rule":                  "events of other accounts and custom events",
	"AWS::Scheduler::Schedule":           "the export that it starts, by the size of the database",
	"AWS::Grafana::Workspace":            "active users",
	"AWS::Lambda::Function":              "requests and duration",
	"AWS::Logs::Delivery":                "log data",
	"AWS::Logs::LogGroup":                "log data taken in and kept",
	"AWS::RDS::GlobalCluster":            "replicated writes",
	"AWS::Route53::RecordSet":            "queries that are not to an alias of AWS",
	"AWS::Route53::RecordSetGroup":       "queries that are not to an alias of AWS",
	"AWS::S3::Bucket":                    "what it keeps, requests, replication",
	"AWS::SNS::Topic":                    "messages",
	"AWS::SQS::Queue":                    "requests",
	"AWS::WAFv2::LoggingConfiguration":   "log data",
	"AWS::XRay::SamplingRule":            "traces recorded",
	"AWS::XRay::TransactionSearchConfig": "spans taken in, kept and indexed",
}

// free are the types that AWS does not charge for.
var free = set(
	"AWS::ApplicationAutoScaling::ScalingPolicy",
	"AWS::Backup::BackupPlan", "AWS::Backup::BackupSelection", "AWS::Backup::RestoreTestingSelection",
	"AWS::CertificateManager::Certificate", // public ones
	"AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::ResponseHeadersPolicy",
	"AWS::EC2::InternetGateway", "AWS::EC2::NetworkAcl", "AWS::EC2::NetworkAclEntry", "AWS::EC2::Route", "AWS::EC2::RouteTable",
	"AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::Subnet",
	"AWS::EC2::SubnetNetworkAclAssociation", "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPC", "AWS::EC2::VPCGatewayAttachment",
	"AWS::ECS::TaskDefinition",
	"AWS::ElastiCache::ParameterGroup", "AWS::ElastiCache::SubnetGroup", "AWS::ElastiCache::User", "AWS::ElastiCache::UserGroup",
	"AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::ElasticLoadBalancingV2::TargetGroup",
	"AWS::IAM::ManagedPolicy", "AWS::IAM::OIDCProvider", "AWS::IAM::Policy", "AWS::IAM::Role",
	"AWS::KMS::Alias",
	"AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission",
	"AWS::Logs::DeliveryDestination", "AWS::Logs::DeliverySource", "AWS::Logs::ResourcePolicy",
	"AWS::MSK::BatchScramSecret", "AWS::MSK::ClusterPolicy", "AWS::MSK::Configuration", "AWS::MSK::Topic",
	"AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup",
	"AWS::S3::BucketPolicy",
	"AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
	"AWS::SecretsManager::ResourcePolicy", "AWS::SecretsManager::RotationSchedule", "AWS::SecretsManager::SecretTargetAttachment",
	"AWS::WAFv2::IPSet", "AWS::WAFv2::WebACLAssociation",
	"AWS::XRay::Group",
)

func set(types ...string) map[string]bool {
	all := map[string]bool{}
	for _, one := range types {
		all[one] = true
	}
	return all
}

// extras are what AWS charges for a priced resource beyond its price here.
func extras(stack cfn.Stack, r cfn.Resource) []string {
	switch r.Type {
	case "AWS::RDS::DBInstance":
		cluster := stack.Template.Resources[text(r, "DBClusterIdentifier", "Ref")]
		if cluster.Properties["DatabaseInsightsMode"] == "advanced" {
			return []string{"AWS::RDS::DBInstance: Database Insights, advanced, by the vCPU and hour"}
		}
	case "AWS::CloudWatch::Alarm":
		for _, query := range cfn.List(r.Properties["Metrics"]) {
			if expression, isText := cfn.Lookup(query, "Expression").(string); isText && isQuery(expression) {
				return []string{"AWS::CloudWatch::Alarm: a query, which is billed for each metric that it reads, as one"}
			}
		}
	}
	return nil
}
