package test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// CloudFormation makes side by side what does not refer to each other. These need
// each other without a reference, and a deployment that fails without it may fail on
// some days only.
func TestWhatNeedsAnotherWithoutNamingItIsMadeAfterIt(t *testing.T) {
	for _, need := range []struct{ kind, after, otherwise string }{
		{"AWS::WAFv2::LoggingConfiguration", "AWS::Logs::ResourcePolicy", "the web ACL may not write to its log group yet"},
		{"AWS::Logs::Delivery", "AWS::Logs::ResourcePolicy", "CloudFront may not write to its log group yet"},
		{"AWS::MSK::Cluster", "AWS::Logs::ResourcePolicy", "the brokers may not write to their log group yet"},
		{"AWS::RDS::DBCluster", "AWS::Logs::LogGroup", "RDS makes its log groups itself, in the clear and for ever"},
		{"AWS::ECS::Cluster", "AWS::Logs::LogGroup", "Container Insights makes its log group itself, in the clear and for ever"},
		{"AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::ListenerRule", "ECS refuses a target group that no rule leads to"},
		{"AWS::ECS::Service", "AWS::IAM::Policy", "the first task may not read its secrets yet"},
		{"AWS::ECS::Service", "AWS::CloudWatch::Alarm", "a deployment names alarms that are not there"},
		{"AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Alarm", "CloudWatch refuses a rule about alarms that are not there"},
		{"AWS::ARCRegionSwitch::Plan", "AWS::IAM::ManagedPolicy", "Region switch evaluates a plan that may do nothing yet"},
		{"AWS::SecretsManager::RotationSchedule", "Custom::DatabaseUser", "a rotation begins at once, of a user that is not there"},
		{"Custom::DatabaseUser", "AWS::RDS::DBInstance", "nobody answers where the user is made"},
		{"Custom::KafkaAccess", "AWS::MSK::BatchScramSecret", "the service learns the brokers' address before it may log in"},
		{"Custom::KafkaAccess", "AWS::MSK::Topic", "the service learns the brokers' address before its topics are there"},
		{"Custom::VpcRestrictDefaultSG", "AWS::Logs::LogGroup", "Lambda makes the function's log group itself, in the clear and for ever"},
		{"AWS::EC2::NatGateway", "AWS::EC2::Route", "what starts first has no way out"},
		{"AWS::XRay::TransactionSearchConfig", "AWS::Logs::ResourcePolicy", "X-Ray may not write the spans that it is to keep"},
	} {
		t.Run(need.otherwise, func(t *testing.T) {
			eachEnvironment(t, func(t *testing.T, env environment) {
				found := 0
				for _, r := range env.everywhere(need.kind) {
					found++
					after := slices.ContainsFunc(r.DependsOn, func(id string) bool {
						return r.stack.Resources[id].Type == need.after
					})
					assert.Truef(t, after, "%s %s", r.stack.name, r.id)
				}
				if need.kind != "AWS::ARCRegionSwitch::Plan" || env.DR.Mode.SecondaryRegions() > 0 {
					assert.NotZero(t, found, "nothing of this kind is left: forget the row")
				}
			})
		})
	}
}
