package region

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/emulator/ministack"
)

// sabotages are mistakes in plans and templates, with the words by which each must be
// noticed: in a loss of the region, or where that goes well, on the way back.
var sabotages = []struct {
	name    string
	mistake func(*platform)
	says    string
}{
	// The plans.
	{"customers come before the database", func(p *platform) {
		steps := p.steps(config.PlanFailover)
		steps[1], steps[2] = steps[2], steps[1]
	}, "customers came before: the database writes in the activated region"},
	{"customers come back before the database", func(p *platform) {
		steps := p.steps(config.PlanFailback)
		steps[2], steps[3] = steps[3], steps[2]
	}, "customers came before: the database writes in the activated region"},
	{"nobody is asked", func(p *platform) { p.drop(config.PlanFailover, config.StepApprove) },
		"nobody approved before: a failover that may lose data was asked for"},
	{"somebody is asked when the data is gone", func(p *platform) {
		steps := p.steps(config.PlanFailover)
		steps[0], steps[1] = steps[1], steps[0]
	}, "nobody approved before: a failover that may lose data was asked for"},
	{"the database stays", func(p *platform) {
		region := p.block(config.PlanFailover, config.StepRegion, "ParallelConfig")
		region["Steps"] = slices.DeleteFunc(cfn.List(region["Steps"]), called(config.StepDatabase))
	}, "us-east-1 is not the only writer"},
	{"the tasks stay few", func(p *platform) {
		region := p.block(config.PlanFailover, config.StepRegion, "ParallelConfig")
		region["Steps"] = slices.DeleteFunc(cfn.List(region["Steps"]), called(config.StepService))
	}, "us-east-1 wants 2 tasks"},
	{"the customers stay", func(p *platform) { p.drop(config.PlanFailover, config.StepTraffic) }, "customers do not reach us-east-1"},
	{"an ungraceful execution waits for the lost region", func(p *platform) {
		delete(p.block(config.PlanFailover, config.StepDatabase, "GlobalAuroraConfig"), "Ungraceful")
	}, "step promote-database: "},
	{"the way back gives data up", func(p *platform) {
		p.block(config.PlanFailback, config.StepDatabase, "GlobalAuroraConfig")["Behavior"] = "failover"
	}, "its role may not rds:FailoverGlobalCluster"},
	{"the way back may and does give data up", func(p *platform) {
		p.block(config.PlanFailback, config.StepDatabase, "GlobalAuroraConfig")["Behavior"] = "failover"
		p.allowBeside("failback", "rds:SwitchoverGlobalCluster", "rds:FailoverGlobalCluster")
	}, "the way back gives up what was not copied"},
	{"a cluster that is not there", func(p *platform) {
		p.block(config.PlanFailover, config.StepDatabase, "GlobalAuroraConfig")["DatabaseClusterArns"] = []any{
			p.env.Names().DatabaseClusterARN(p.env.Primary), p.env.Names().DatabaseClusterARN(p.env.Secondary) + "-old"}
	}, "step promote-database: its role may not"},
	{"the first region's cluster twice", func(p *platform) {
		first := p.env.Names().DatabaseClusterARN(p.env.Primary)
		p.block(config.PlanFailover, config.StepDatabase, "GlobalAuroraConfig")["DatabaseClusterArns"] = []any{first, first}
	}, "step promote-database: it names nothing in us-east-1"},
	{"the waiting cluster has another name", func(p *platform) {
		p.only(stackDR, "AWS::RDS::DBCluster").Properties["DBClusterIdentifier"] = "wallet-production-renamed"
	}, "DBClusterNotFoundFault"},
	{"another global database", func(p *platform) {
		p.block(config.PlanFailover, config.StepDatabase, "GlobalAuroraConfig")["GlobalClusterIdentifier"] = "wallet-staging-global"
	}, "GlobalClusterNotFoundFault"},
	{"a service that is not there", func(p *platform) {
		services := p.block(config.PlanFailover, config.StepService, "EcsCapacityIncreaseConfig")["Services"]
		second, _ := cfn.Lookup(services, 1).(cfn.Object)
		second["ServiceArn"] = p.env.Names().ECSServiceARN(p.env.Secondary) + "-v2"
	}, "step scale-service: its role may not ecs:DescribeServices"},
	{"the clusters of the services are exchanged", func(p *platform) {
		exchange(cfn.List(p.block(config.PlanFailover, config.StepService, "EcsCapacityIncreaseConfig")["Services"]), "ClusterArn")
	}, "step scale-service: it names nothing in us-east-1"},
	{"no share of the tasks", func(p *platform) {
		p.block(config.PlanFailover, config.StepService, "EcsCapacityIncreaseConfig")["TargetPercent"] = 0
	}, "us-east-1 wants 2 tasks"},
	{"a tenth of the tasks", func(p *platform) {
		p.block(config.PlanFailover, config.StepService, "EcsCapacityIncreaseConfig")["TargetPercent"] = 10
	}, "us-east-1 wants 2 tasks"},
	{"the regions of the records are exchanged", func(p *platform) { p.exchangeRegions() }, "hangs on the health check of"},
	{"the plan's regions are exchanged", func(p *platform) {
		p.plan(config.PlanFailover)["PrimaryRegion"] = p.env.Secondary.Name
	}, "the plan leads from us-east-1"},
	{"the alarm of the lost region", func(p *platform) {
		alarms, _ := p.plan(config.PlanFailover)["AssociatedAlarms"].(cfn.Object)
		alarm := config.AlarmLoadBalancer(p.env.Primary)
		alarms[alarm] = cfn.Object{"AlarmType": "applicationHealth", "ResourceIdentifier": p.env.Names().AlarmARN(p.env.Primary, alarm)}
	}, "the plan does not watch the alarm wallet-production-load-balancer-sa-east-1 of us-east-1"},
	{"the plan asks the lost region", func(p *platform) {
		alarms, _ := p.plan(config.PlanTraffic)["AssociatedAlarms"].(cfn.Object)
		alarm := config.AlarmLoadBalancer(p.env.Primary)
		alarms[alarm] = cfn.Object{"AlarmType": "applicationHealth", "ResourceIdentifier": p.env.Names().AlarmARN(p.env.Primary, alarm)}
	}, "sa-east-1 was called: DescribeAlarms"},

	{"the probes ask each other's region", func(p *platform) {
		var probes []any
		for _, probe := range p.stack(stackRecovery).Template.OfType("AWS::Route53::HealthCheck") {
			probes = append(probes, probe.Properties["HealthCheckConfig"])
		}
		exchange(probes, "FullyQualifiedDomainName")
	}, "wallet-production-load-balancer-sa-east-1 looks at"},

	// The name and the regions.
	{"the health checks of the records are exchanged", func(p *platform) { p.exchange("HealthCheckId") }, "hangs on the health check of"},
	{"the health checks and the regions are exchanged alike", func(p *platform) {
		p.exchange("HealthCheckId")
		p.exchangeRegions()
	}, "customers do not reach us-east-1"},
	{"the records lead to each other's region", func(p *platform) { p.exchange("AliasTarget") }, "customers do not reach us-east-1"},
	{"the regions' own names are exchanged", func(p *platform) {
		one, other := p.only(stackCompute, "AWS::Route53::RecordSet").Properties, p.only(stackDRCompute, "AWS::Route53::RecordSet").Properties
		one["Name"], other["Name"] = other["Name"], one["Name"]
	}, "customers do not reach us-east-1"},
	{"the waiting cluster is in no global database", func(p *platform) {
		cluster := p.only(stackDR, "AWS::RDS::DBCluster").Properties
		delete(cluster, "GlobalClusterIdentifier")
		cluster["MasterUsername"] = "wallet_admin"
	}, "step promote-database: "},
	{"the second region may not run the load", func(p *platform) {
		for _, target := range p.stack(stackDRCompute).Template.OfType("AWS::ApplicationAutoScaling::ScalableTarget") {
			target.Properties["MaxCapacity"] = 6
		}
	}, "DR-Compute may run 6 tasks, the load needs 20"},
	{"the alarm is not made", func(p *platform) {
		resources := p.stack(stackRecovery).Template.Resources
		for _, alarm := range p.stack(stackRecovery).Template.OfType("AWS::CloudWatch::Alarm") {
			if alarm.Properties["Namespace"] == "AWS/Route53" {
				delete(resources, alarm.ID)
			}
		}
	}, "the plan does not watch the alarm wallet-production-load-balancer-us-east-1 of us-east-1"},

	// The roles.
	{"no right to fail over", func(p *platform) { p.forbid("failover", "rds:FailoverGlobalCluster") },
		"step promote-database: its role may not rds:FailoverGlobalCluster on arn:aws:rds::"},
	{"no right to switch over", func(p *platform) { p.forbid("failback", "rds:SwitchoverGlobalCluster") },
		"step promote-database: its role may not rds:SwitchoverGlobalCluster on arn:aws:rds::"},
	{"no right to find the database", func(p *platform) { p.forbid("failover", "rds:DescribeGlobalClusters") },
		"step promote-database: its role may not rds:DescribeGlobalClusters"},
	{"no right to scale", func(p *platform) { p.forbid("failover", "ecs:UpdateService") }, "step scale-service: its role may not ecs:UpdateService"},
	{"no right to keep the tasks", func(p *platform) { p.forbid("failover", "application-autoscaling:RegisterScalableTarget") },
		"step scale-service: its role may not application-autoscaling:RegisterScalableTarget"},
	{"no right to move the customers", func(p *platform) { p.forbid("failover", "arc-region-switch:StartPlanExecution") },
		"step move-traffic: its role may not arc-region-switch:StartPlanExecution"},
	{"no right to measure", func(p *platform) { p.forbid("failover", "cloudwatch:DescribeAlarmHistory") },
		"its role may not cloudwatch:DescribeAlarmHistory"},
	{"no right to find the records", func(p *platform) { p.forbid("traffic", "route53:ListResourceRecordSets") },
		"its role may not route53:ListResourceRecordSets"},
	{"no right to approve", func(p *platform) { p.forbid("Approver", "arc-region-switch:ApprovePlanExecutionStep") },
		"step approve: nobody can approve: its role may not arc-region-switch:ApprovePlanExecutionStep"},
}

func TestEachSabotagedPlanAndTemplateIsNoticed(t *testing.T) {
	emulator := ministack.Start(t)
	templates := engines.Stacks(t, production.Name)
	for _, sabotage := range sabotages {
		t.Run(sabotage.name, func(t *testing.T) {
			r := begin(t, emulator, templates, sabotage.mistake)
			wrong := r.away(t.Context(), ungraceful)
			if len(wrong) == 0 {
				wrong = r.back(t.Context())
			}
			require.NotEmpty(t, wrong, "nobody noticed")
			assert.Contains(t, strings.Join(wrong, "\n"), sabotage.says)
		})
	}
}

// plan is a plan's properties, by config's name for it.
func (p *platform) plan(name string) cfn.Object {
	for _, one := range p.stack(stackRecovery).Template.OfType("AWS::ARCRegionSwitch::Plan") {
		if one.Properties["Name"] == p.env.Names().PlanName(name) {
			return one.Properties
		}
	}
	panic("no plan " + name)
}

// steps are a plan's, to be changed in place.
func (p *platform) steps(plan string) []any {
	return cfn.List(cfn.Lookup(p.plan(plan), "Workflows", 0, "Steps"))
}

// drop takes a step away.
func (p *platform) drop(plan, step string) {
	workflow, _ := cfn.Lookup(p.plan(plan), "Workflows", 0).(cfn.Object)
	workflow["Steps"] = slices.DeleteFunc(p.steps(plan), called(step))
}

func called(name string) func(any) bool {
	return func(step any) bool { return cfn.Lookup(step, "Name") == name }
}

// block is the configuration of a step, wherever in the plan that is.
func (p *platform) block(plan, step, configuration string) cfn.Object {
	all := slices.Clone(p.steps(plan))
	for i := 0; i < len(all); i++ {
		found, _ := cfn.Lookup(all[i], "ExecutionBlockConfiguration", configuration).(cfn.Object)
		if found != nil && called(step)(all[i]) {
			return found
		}
		all = append(all, cfn.List(cfn.Lookup(all[i], "ExecutionBlockConfiguration", "ParallelConfig", "Steps"))...)
	}
	panic(fmt.Sprintf("%s has no step %s", plan, step))
}

// exchange gives each of the name's records a property of the other.
func (p *platform) exchange(property string) {
	exchange(cfn.List(p.only(stackRecovery, "AWS::Route53::RecordSetGroup").Properties["RecordSets"]), property)
}

// exchangeRegions says of each record that it belongs to the other's region.
func (p *platform) exchangeRegions() {
	exchange(cfn.List(p.block(config.PlanTraffic, config.StepTraffic, "Route53HealthCheckConfig")["RecordSets"]), "Region")
}

func exchange(pair []any, property string) {
	one, _ := pair[0].(cfn.Object)
	other, _ := pair[1].(cfn.Object)
	one[property], other[property] = other[property], one[property]
}

// forbid takes an action from a role's policy.
func (p *platform) forbid(role, action string) {
	statement, actions := p.statement(role, action)
	statement["Action"] = append(slices.DeleteFunc(actions, func(one any) bool { return one == action }), "none:Nothing")
}

// allowBeside adds an action to the statement of a role's policy that has another one.
func (p *platform) allowBeside(role, beside, action string) {
	statement, actions := p.statement(role, beside)
	statement["Action"] = append(actions, action)
}

// statement is the one of a role's policy that allows an action. The role's ID contains
// a word.
func (p *platform) statement(role, action string) (statement cfn.Object, actions []any) {
	for _, policy := range p.stack(stackRecovery).Template.OfType("AWS::IAM::ManagedPolicy") {
		if id, _ := cfn.Lookup(policy.Properties, "Roles", 0, "Ref").(string); !strings.Contains(id, role) {
			continue
		}
		for _, one := range cfn.List(cfn.Lookup(policy.Properties, "PolicyDocument", "Statement")) {
			statement, _ = one.(cfn.Object)
			if actions = cfn.List(statement["Action"]); slices.Contains(actions, any(action)) {
				return statement, slices.Clone(actions)
			}
		}
	}
	panic(role + " has no right to " + action)
}
