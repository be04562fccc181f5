package test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// state says what is lost when a resource of a type is deleted or replaced.
type state string

const (
	// keeps: the resource holds data, credentials or keys. It must outlive its
	// stack, and the lock watches it.
	keeps state = "keeps data"
	// carries: it holds nothing, but replacing it replaces or cuts off what does,
	// or a name that others know. The lock watches it.
	carries state = "carries what keeps data"
	// evidence: logs. Each group says whether it outlives its stack.
	evidence state = "is evidence"
	// free: it can be made again from the template.
	free state = "can be made again"
)

// classification is the decision for every resource type of the platform.
var classification = map[string]state{
	"AWS::Backup::BackupVault":           keeps,
	"AWS::ECR::Repository":               keeps, // the image of a rollback
	"AWS::ElastiCache::ReplicationGroup": keeps,
	"AWS::KMS::Key":                      keeps, // whoever loses the key loses the data
	"AWS::KMS::ReplicaKey":               keeps,
	"AWS::MSK::Cluster":                  keeps,
	"AWS::MSK::Topic":                    keeps,
	"AWS::RDS::DBCluster":                keeps,
	"AWS::RDS::GlobalCluster":            keeps,
	"AWS::S3::Bucket":                    keeps,
	"AWS::SecretsManager::Secret":        keeps,
	"AWS::APS::Workspace":                keeps, // months of metrics

	"AWS::EC2::Subnet":                            carries,
	"AWS::EC2::VPC":                               carries,
	"AWS::ElastiCache::SubnetGroup":               carries,
	"AWS::ElasticLoadBalancingV2::LoadBalancer":   carries,
	"AWS::Grafana::Workspace":                     carries,
	"AWS::MSK::Configuration":                     carries,
	"AWS::RDS::DBInstance":                        carries, // its data is the cluster's
	"AWS::RDS::DBSubnetGroup":                     carries,
	"AWS::CloudFront::Distribution":               carries,
	"AWS::SecretsManager::SecretTargetAttachment": carries,

	"AWS::Logs::LogGroup": evidence,

	"AWS::APS::RuleGroupsNamespace":                 free,
	"AWS::APS::AlertManagerDefinition":              free,
	"AWS::ApplicationAutoScaling::ScalableTarget":   free,
	"AWS::ApplicationAutoScaling::ScalingPolicy":    free,
	"AWS::Scheduler::Schedule":                      free,
	"AWS::Backup::BackupPlan":                       free, // its recovery points are the vault's
	"AWS::Backup::BackupSelection":                  free,
	"AWS::Backup::RestoreTestingPlan":               free,
	"AWS::Backup::RestoreTestingSelection":          free,
	"AWS::CertificateManager::Certificate":          free,
	"AWS::CloudFront::CachePolicy":                  free,
	"AWS::CloudFront::OriginAccessControl":          free,
	"AWS::CloudFront::ResponseHeadersPolicy":        free,
	"AWS::CloudWatch::Alarm":                        free,
	"AWS::CloudWatch::CompositeAlarm":               free,
	"AWS::CloudWatch::Dashboard":                    free,
	"AWS::EC2::EIP":                                 free, // no partner lists the NAT addresses
	"AWS::EC2::FlowLog":                             free,
	"AWS::EC2::InternetGateway":                     free,
	"AWS::EC2::NatGateway":                          free,
	"AWS::EC2::NetworkAcl":                          free,
	"AWS::EC2::NetworkAclEntry":                     free,
	"AWS::EC2::Route":                               free,
	"AWS::EC2::RouteTable":                          free,
	"AWS::EC2::SecurityGroup":                       free,
	"AWS::EC2::SecurityGroupEgress":                 free,
	"AWS::EC2::SecurityGroupIngress":                free,
	"AWS::EC2::SubnetNetworkAclAssociation":         free,
	"AWS::EC2::SubnetRouteTableAssociation":         free,
	"AWS::EC2::VPCEndpoint":                         free,
	"AWS::EC2::VPCGatewayAttachment":                free,
	"AWS::ECR::RegistryPolicy":                      free,
	"AWS::ECR::ReplicationConfiguration":            free,
	"AWS::ECS::Cluster":                             free,
	"AWS::ECS::ClusterCapacityProviderAssociations": free,
	"AWS::ECS::Service":                             free,
	"AWS::ECS::TaskDefinition":                      free,
	"AWS::ElastiCache::ParameterGroup":              free,
	"AWS::ElastiCache::User":                        free, // its password is the secret's
	"AWS::ElastiCache::UserGroup":                   free,
	"AWS::ElasticLoadBalancingV2::Listener":         free,
	"AWS::ElasticLoadBalancingV2::ListenerRule":     free,
	"AWS::ElasticLoadBalancingV2::TargetGroup":      free,
	"AWS::Events::Rule":                             free,
	"AWS::IAM::ManagedPolicy":                       free,
	"AWS::IAM::Policy":                              free,
	"AWS::IAM::Role":                                free,
	"AWS::KMS::Alias":                               free,
	"AWS::Lambda::EventSourceMapping":               free,
	"AWS::Lambda::Function":                         free,
	"AWS::Lambda::Permission":                       free,
	"AWS::Logs::Delivery":                           free,
	"AWS::Logs::DeliveryDestination":                free,
	"AWS::Logs::DeliverySource":                     free,
	"AWS::Logs::MetricFilter":                       free,
	"AWS::Logs::QueryDefinition":                    free,
	"AWS::Logs::ResourcePolicy":                     free,
	"AWS::MSK::BatchScramSecret":                    free,
	"AWS::MSK::ClusterPolicy":                       free,
	"AWS::RDS::DBClusterParameterGroup":             free,
	"AWS::RDS::DBParameterGroup":                    free,
	"AWS::RDS::EventSubscription":                   free,
	"AWS::Route53::RecordSet":                       free,
	"AWS::Route53::RecordSetGroup":                  free,
	"AWS::ARCRegionSwitch::Plan":                    carries, // another one has other health checks, on which the API's name hangs
	"AWS::Route53::HealthCheck":                     free,
	"AWS::S3::BucketPolicy":                         free,
	"AWS::SNS::Subscription":                        free,
	"AWS::SNS::TopicPolicy":                         free,
	"AWS::SNS::TopicInlinePolicy":                   free,
	"AWS::SNS::Topic":                               free,
	"AWS::SQS::Queue":                               free, // the queues hold rotations that a deployment must follow, not events
	"AWS::SQS::QueuePolicy":                         free,
	"AWS::SSM::Parameter":                           free,
	"AWS::SecretsManager::ResourcePolicy":           free,
	"AWS::SecretsManager::RotationSchedule":         free,
	"AWS::Serverless::Application":                  free,
	"AWS::CloudFormation::Stack":                    free,
	"AWS::WAFv2::IPSet":                             free,
	"AWS::WAFv2::LoggingConfiguration":              free,
	"AWS::WAFv2::RegexPatternSet":                   free,
	"AWS::WAFv2::WebACL":                            free,
	"AWS::WAFv2::WebACLAssociation":                 free,
	"AWS::XRay::Group":                              free,
	"AWS::XRay::SamplingRule":                       free,
	"AWS::XRay::TransactionSearchConfig":            free,
	"AWS::XRay::ResourcePolicy":                     free,
	"Custom::DatabaseUser":                          free, // the user is the database's, and running it again changes nothing
	"Custom::KafkaAccess":                           free, // the ACLs are the cluster's, and running it again changes nothing
	"Custom::VpcRestrictDefaultSG":                  free,
}

// reconsidered are the types that AWS counts as stateful and we do not, with the
// reason.
var reconsidered = map[string]string{
	"AWS::RDS::DBInstance":                 "its data is the cluster's, and it must go with a cluster that goes",
	"AWS::SNS::Topic":                      "a notification is delivered or retried, never stored",
	"AWS::SQS::Queue":                      "holds rotations that a deployment must follow, and any deployment does; the events are in Kafka",
	"AWS::Logs::LogGroup":                  "each group decides by its Keep flag; the tests ask for an explicit policy",
	"AWS::CertificateManager::Certificate": "issued again by DNS validation",
}

func TestEveryResourceTypeIsClassified(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(typesInUse(t))) {
		_, known := classification[name]
		assert.Truef(t, known, "%s is new here. Decide in classification (test/types_test.go) what is lost when one is deleted or replaced: "+
			"keeps (data, credentials, keys: needs RemovalPolicy RETAIN and is locked), carries (holds none, but its replacement replaces or cuts off what does: locked), "+
			"evidence (logs) or free; then give its security invariants in test/security_test.go and run `make lock`", name)
	}
}

func TestNoTypeThatAWSCountsAsStatefulIsTreatedAsDisposable(t *testing.T) {
	known := knownTypes(t)
	for _, name := range slices.Sorted(maps.Keys(typesInUse(t))) {
		_, answered := reconsidered[name]
		if known[name].Stateful && !answered {
			assert.Equalf(t, keeps, classification[name], "%s is stateful in CloudFormation's own model; give the reason in reconsidered or keep it", name)
		}
	}
}

// retained are the policies under which a resource outlives its stack. The second
// goes with a creation that is rolled back, when it holds nothing yet.
var retained = []string{"Retain", "RetainExceptOnCreate"}

// What stays behind after a creation that failed holds its name against the next
// one. Topics are the exception: brokers that delete no topic would block the
// rollback, and the topics go with their cluster.
func TestAFailedFirstDeploymentCanBeTriedAgain(t *testing.T) {
	again := []string{
		"AWS::ECR::Repository", "AWS::MSK::Cluster", "AWS::MSK::Configuration", "AWS::MSK::BatchScramSecret",
		"AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::Logs::ResourcePolicy", "AWS::APS::Workspace",
	}
	eachResource(t, func(t *testing.T, _ environment, stack template, id string, r resource) {
		if slices.Contains(again, r.Type) {
			assert.NotEqualf(t, "Retain", r.DeletionPolicy, "%s %s (%s): say RetainExceptOnCreate", stack.name, id, r.Type)
		}
		if r.Type == "AWS::MSK::Topic" {
			assert.Equalf(t, "Retain", r.DeletionPolicy, "%s %s", stack.name, id)
		}
	})
}

func TestWhatKeepsDataOutlivesItsStack(t *testing.T) {
	eachResource(t, func(t *testing.T, env environment, stack template, id string, r resource) {
		if r.Type == "AWS::SecretsManager::Secret" && !env.Protected {
			// A password can be set anew on a restored snapshot, while a retained secret
			// would hold its name against the environment's next creation.
			return
		}
		survives := []string{"Retain", "Snapshot", "RetainExceptOnCreate"}
		if classification[r.Type] == keeps {
			assert.Containsf(t, survives, r.DeletionPolicy, "%s %s (%s): removing it from the code would destroy its data", stack.name, id, r.Type)
			assert.Containsf(t, survives, r.UpdateReplacePolicy, "%s %s (%s): replacing it would destroy its data", stack.name, id, r.Type)
		}
		if classification[r.Type] == evidence {
			assert.NotEmptyf(t, r.DeletionPolicy, "%s %s (%s): say whether the logs outlive the stack", stack.name, id, r.Type)
			assert.Equalf(t, slices.Contains(retained, r.DeletionPolicy), slices.Contains(retained, r.UpdateReplacePolicy),
				"%s %s (%s): deletion and replacement disagree", stack.name, id, r.Type)
		}
	})
}

// typesInUse are all resource types of all templates.
func typesInUse(t *testing.T) map[string]bool {
	t.Helper()
	types := map[string]bool{}
	for _, env := range platform(t) {
		for _, stack := range env.stacks {
			for _, r := range stack.Resources {
				types[r.Type] = true
			}
		}
	}
	return types
}

// eachResource runs a check on every resource of every template, as one test for
// each environment.
func eachResource(t *testing.T, check func(t *testing.T, env environment, stack template, id string, r resource)) {
	t.Helper()
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
				check(t, env, stack, id, stack.Resources[id])
			}
		}
	})
}
