package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// These tests ask what a Region switch does on the day, by what AWS documents of
// it and what config says; a template is never compared with itself.

// switching runs a check on the recovery stack of every environment that stands by, of
// one that serves from the second region, and of one with other numbers.
func switching(t *testing.T, check func(t *testing.T, env environment, recovery template)) {
	t.Helper()
	standby(t, func(t *testing.T, env environment, _ template) { check(t, env, env.stack(t, "dr-recovery")) })
	for name, altering := range map[string]config.Environment{
		"the second region serves": servingFromVirginia(), "no two numbers alike": another(config.Production()),
	} {
		built := altered(t, altering)
		t.Run(name, func(t *testing.T) {
			defer contained(t)
			check(t, built, built.stack(t, "dr-recovery"))
		})
	}
}

// sides are an environment's regions, with the stacks of each one's platform.
func sides(env environment) []side {
	return []side{
		{region: env.Primary, role: "PRIMARY", data: "data", compute: "compute"},
		{region: env.Secondary, role: "SECONDARY", data: "dr", compute: "dr-compute"},
	}
}

type side struct {
	region              config.Region
	role, data, compute string
}

// referred is the logical ID that a reference names.
func referred(t *testing.T, value any) string {
	t.Helper()
	if id, ok := at(value, "Ref").(string); ok {
		return id
	}
	return textAt(t, value, "Fn::GetAtt", 0)
}

// inOrder are the steps of a plan in the order in which they begin, those that run
// side by side one after another.
func inOrder(t *testing.T, list []any) []any {
	t.Helper()
	var all []any
	for _, step := range list {
		all = append(all, step)
		if inner, parallel := at(step, "ExecutionBlockConfiguration", "ParallelConfig", "Steps").([]any); parallel {
			all = append(all, inOrder(t, inner)...)
		}
	}
	return all
}

// ofKind are a plan's steps of a kind.
func ofKind(t *testing.T, plan resource, kind string) []any {
	t.Helper()
	var found []any
	for _, step := range inOrder(t, steps(t, plan)) {
		if at(step, "ExecutionBlockType") == kind {
			found = append(found, step)
		}
	}
	return found
}

// losesData says whether a step may give up what was not copied. The only
// ungraceful behaviour "calls FailoverGlobalCluster with AllowDataLoss"
// (https://docs.aws.amazon.com/arc-region-switch/latest/api/API_GlobalAuroraUngraceful.html),
// and so does every behaviour but switchoverOnly.
func losesData(t *testing.T, step any) bool {
	t.Helper()
	if at(step, "ExecutionBlockType") != "AuroraGlobalDatabase" {
		return false
	}
	database := block(t, step)
	return database["Behavior"] != "switchoverOnly" || database["Ungraceful"] != nil
}

// The metrics of Route 53's health checks exist in us-east-1 alone
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html).
func TestAProbeOfTheWrongRegionWouldCallALivingRegionLost(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, recovery template) {
		require.Equal(t, "us-east-1", recovery.region)
		for _, side := range sides(env) {
			alarm := env.alarms(t)[config.AlarmLoadBalancer(side.region)].Properties
			assert.Equal(t, []any{"AWS/Route53", "HealthCheckStatus"}, []any{alarm["Namespace"], alarm["MetricName"]})
			require.Len(t, listAt(t, alarm, "Dimensions"), 1)
			assert.Equal(t, "HealthCheckId", at(alarm, "Dimensions", 0, "Name"))
			probe := recovery.Resources[referred(t, at(alarm, "Dimensions", 0, "Value"))]
			require.Equal(t, "AWS::Route53::HealthCheck", probe.Type)
			asked := env.DR.Recovery.Probe
			// All of it: a probe that is inverted, disabled or asks another port lies.
			assert.Equal(t, map[string]any{
				"Type": "TCP", "FullyQualifiedDomainName": side.region.Name + "." + env.Site.APIDomain, "Port": 443.0,
				"RequestInterval": asked.Interval.Seconds(), "FailureThreshold": float64(asked.Failures),
			}, probe.Properties["HealthCheckConfig"], side.region.Name)
		}
	})
}

func TestARegionsOwnNameLeadsToItsOwnLoadBalancer(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		for _, side := range sides(env) {
			compute := env.stack(t, side.compute)
			require.Equal(t, side.region.Name, compute.region)
			record := compute.only(t, "AWS::Route53::RecordSet").Properties
			assert.Equal(t, []any{side.region.Name + "." + env.Site.APIDomain + ".", "A"}, []any{record["Name"], record["Type"]})
			assert.Equal(t, env.Site.HostedZone.ID, record["HostedZoneId"])
			assert.Nil(t, record["HealthCheckId"])
			assert.NotEqual(t, true, at(record, "AliasTarget", "EvaluateTargetHealth"))
			led := 0
			walk(record["AliasTarget"], nil, func(path []string, value any) {
				if path[len(path)-1] == "Fn::GetAtt" {
					led++
					assert.Equal(t, "AWS::ElasticLoadBalancingV2::LoadBalancer", compute.Resources[textAt(t, value, 0)].Type)
				}
			})
			assert.Equal(t, 2, led, "the name and the zone of one load balancer")
		}
	})
}

func TestTheLossOfTheRegionThatServesWakesSomebodyInTime(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		for _, side := range sides(env) {
			alarm := env.alarms(t)[config.AlarmLoadBalancer(side.region)].Properties
			for property, want := range map[string]any{
				"Statistic": "Minimum", "Threshold": 1.0, "ComparisonOperator": "LessThanThreshold", "Period": 60.0,
				// One minute more than it needs: a late value must not hide an outage.
				"EvaluationPeriods": float64(env.DR.Recovery.Probe.Minutes + 1), "DatapointsToAlarm": float64(env.DR.Recovery.Probe.Minutes),
				"TreatMissingData": "breaching", // a health check that says nothing is no sign of life
			} {
				assert.Equal(t, want, alarm[property], "%s: %s", side.region.Name, property)
			}
			assert.NotEqual(t, false, alarm["ActionsEnabled"])
			severity := "AlertsWarning"
			if side.region.Name == env.DR.ActiveRegion {
				severity = "AlertsCritical"
			}
			require.Len(t, listAt(t, alarm, "AlarmActions"), 1)
			assert.Contains(t, fmt.Sprint(alarm["AlarmActions"]), severity, side.region.Name)
		}
	})
}

// trafficOf is the plan by which another one moves the name, its only child.
func trafficOf(t *testing.T, env environment, recovery template, plan resource) resource {
	t.Helper()
	children := ofKind(t, plan, "ARCRegionSwitchPlan")
	require.Len(t, children, 1)
	child := recovery.Resources[referred(t, block(t, children[0])["Arn"])]
	require.Equal(t, env.Names().PlanName(config.PlanTraffic), child.Properties["Name"], "another plan than the one that moves the name")
	return child
}

// Region switch makes the health check of the activated region healthy and the
// others unhealthy, and a record set belongs to the region that the step gives for
// its identifier (https://docs.aws.amazon.com/r53recovery/latest/dg/route53-health-check-block.html).
// Route 53 answers with the primary record while its check is healthy, else with
// the secondary one while its is
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html).
func TestCustomersReachTheRegionThatAPlanActivates(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, recovery template) {
		records := listAt(t, recovery.only(t, "AWS::Route53::RecordSetGroup").Properties, "RecordSets")
		for _, name := range []string{config.PlanFailover, config.PlanFailback} {
			moves := ofKind(t, trafficOf(t, env, recovery, plans(t, env)[name]), "Route53HealthCheck")
			require.Len(t, moves, 1)
			move := block(t, moves[0])
			assert.Equal(t, []any{env.Site.HostedZone.ID, env.Site.APIDomain}, []any{move["HostedZoneId"], move["RecordName"]})
			regionOf := pairs(move["RecordSets"], "RecordSetIdentifier", "Region")
			assert.Len(t, regionOf, 2)
			for _, activated := range sides(env) {
				answer := map[any]any{}
				for _, record := range records {
					hangsOn := resolvedHealthCheck(t, at(record, "HealthCheckId"), env)
					belongs := fmt.Sprint(regionOf[fmt.Sprint(at(record, "SetIdentifier"))])
					assert.Equal(t, healthCheckOf(belongs), hangsOn, "the record moves with another region's check")
					if hangsOn == healthCheckOf(activated.region.Name) {
						answer[at(record, "Failover")] = at(record, "AliasTarget", "DNSName")
					}
				}
				assert.Equal(t, map[any]any{activated.role: activated.region.Name + "." + env.Site.APIDomain + "."}, answer,
					"%s activates %s", name, activated.region.Name)
			}
		}
	})
}

// A name that follows a load balancer's health would lead customers to a database
// that cannot be written to, for the fault of a single release.
func TestALoadBalancersHealthNeverMovesPayments(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, recovery template) {
		group := recovery.only(t, "AWS::Route53::RecordSetGroup").Properties
		assert.Equal(t, env.Site.HostedZone.ID, group["HostedZoneId"])
		records := listAt(t, group, "RecordSets")
		require.Len(t, records, 2, "Route 53 takes the two together or not at all")
		for i, side := range sides(env) {
			assert.Equal(t, false, at(records[i], "AliasTarget", "EvaluateTargetHealth"))
			assert.Equal(t, env.Site.HostedZone.ID, at(records[i], "AliasTarget", "HostedZoneId"))
			assert.Equal(t, []any{env.Site.APIDomain + ".", "A", side.role, side.region.Name}, []any{
				at(records[i], "Name"), at(records[i], "Type"), at(records[i], "Failover"), at(records[i], "SetIdentifier"),
			})
			assert.Nil(t, at(records[i], "TTL"), "an alias has the load balancer's 60 seconds")
		}
		for name := range env.stacks {
			for id, record := range env.stacks[name].ofType("AWS::Route53::RecordSet") {
				assert.NotEqualf(t, env.Site.APIDomain+".", record.Properties["Name"], "%s %s: Route 53 refuses it beside failover records", name, id)
			}
		}
	})
}

func TestNobodyLosesDataBeforeASecondPersonAgrees(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, recovery template) {
		for name, plan := range plans(t, env) {
			assert.Nilf(t, plan.Properties["Triggers"], "%s starts by itself", name)
			approved := false
			for i, step := range inOrder(t, steps(t, plan)) {
				if at(step, "ExecutionBlockType") == "ManualApproval" {
					approved = true
					assert.Zero(t, i, "%s: something happens before anybody is asked", name)
					approver := recovery.Resources[referred(t, block(t, step)["ApprovalRole"])]
					assert.Equal(t, env.Names().RecoveryApprover(), approver.Properties["RoleName"], name)
				}
				if at(step, "ExecutionBlockType") == "AuroraGlobalDatabase" {
					assert.Truef(t, approved, "%s: nobody agreed before %v", name, at(step, "Name"))
				}
			}
			// The traffic plan is a part of the others, which ask.
			assert.Equal(t, name != config.PlanTraffic, approved, "%s asks", name)
		}
		for id, policy := range recovery.ofType("AWS::IAM::ManagedPolicy") {
			if strings.Contains(id, "Approver") {
				assert.NotContains(t, fmt.Sprint(policy.Properties), "StartPlanExecution", "one person would be enough")
			}
		}
	})
}

func TestOnlyAnUngracefulFailoverCanLoseData(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		for name, plan := range plans(t, env) {
			for _, step := range inOrder(t, steps(t, plan)) {
				assert.Falsef(t, losesData(t, step) && name != config.PlanFailover, "%s: %v gives up what was not copied", name, at(step, "Name"))
			}
		}
		databases := ofKind(t, plans(t, env)[config.PlanFailover], "AuroraGlobalDatabase")
		require.Len(t, databases, 1)
		database := block(t, databases[0])
		assert.Equal(t, "switchoverOnly", database["Behavior"], "the graceful way must lose nothing")
		assert.Equal(t, map[string]any{"Ungraceful": "failover"}, database["Ungraceful"], "the ungraceful way would wait for the lost region")
		assert.Len(t, ofKind(t, plans(t, env)[config.PlanFailback], "AuroraGlobalDatabase"), 1)
	})
}

func TestCustomersComeAfterTheDatabaseAndTheTasks(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		for name, want := range map[string][]string{
			config.PlanFailover: {"approve", "activate-region[promote-database scale-service]", "move-traffic"},
			config.PlanFailback: {"approve", "scale-service", "promote-database", "move-traffic"}, // writes fail between the last two alone
			config.PlanTraffic:  {"move-traffic"},
		} {
			list := steps(t, plans(t, env)[name])
			assert.Equal(t, want, stepsOf(list), name)
			for _, step := range inOrder(t, list) {
				kind := map[string][]string{
					"approve": {"ManualApproval"}, "activate-region": {"Parallel"}, "promote-database": {"AuroraGlobalDatabase"},
					"scale-service": {"ECSServiceScaling"}, "move-traffic": {"ARCRegionSwitchPlan", "Route53HealthCheck"},
				}[fmt.Sprint(at(step, "Name"))]
				assert.Contains(t, kind, at(step, "ExecutionBlockType"), "%s: a step that says one thing and does another", name)
				assert.Len(t, objectAt(t, step, "ExecutionBlockConfiguration"), 1)
			}
		}
	})
}

func TestAStepThatHangsIsStoppedWhenConfigSays(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		recovery := env.DR.Recovery
		limits := map[any]time.Duration{
			"ManualApproval": recovery.Approval, "AuroraGlobalDatabase": recovery.Database,
			"ECSServiceScaling": recovery.Scaling, "Route53HealthCheck": recovery.Traffic,
		}
		for name, plan := range plans(t, env) {
			for _, step := range inOrder(t, steps(t, plan)) {
				if limit, own := limits[at(step, "ExecutionBlockType")]; own {
					assert.Equal(t, limit.Minutes(), block(t, step)["TimeoutMinutes"], "%s: %v", name, at(step, "Name"))
				}
			}
		}
	})
}

func TestTheActivatedRegionGetsAsManyTasksAsTheOtherHad(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		for _, name := range []string{config.PlanFailover, config.PlanFailback} {
			scaling := ofKind(t, plans(t, env)[name], "ECSServiceScaling")
			require.Len(t, scaling, 1)
			service := block(t, scaling[0])
			assert.Equal(t, 100.0, service["TargetPercent"], name)
			assert.Equal(t, "sampledMaxInLast24Hours", service["CapacityMonitoringApproach"], name)
			assert.Equal(t, map[string]any{"MinimumSuccessPercentage": 50.0}, service["Ungraceful"], "half of the peak's tasks carry an ordinary hour")
		}
	})
}

// Region switch asks IAM, as soon as a plan exists, what the plan's role may do. The
// roles look alike: the first one's may lose data, and each may write its own
// reports alone.
func TestEachPlanActsWithItsOwnRightsAndHasThemFirst(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, recovery template) {
		for name, plan := range plans(t, env) {
			role := referred(t, plan.Properties["ExecutionRole"])
			assert.Equal(t, "arc-region-switch.amazonaws.com",
				at(recovery.Resources[role].Properties, "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service"), name)
			var held []string
			for id, policy := range recovery.ofType("AWS::IAM::ManagedPolicy") {
				if slices.ContainsFunc(listAt(t, policy.Properties, "Roles"), func(of any) bool { return referred(t, of) == role }) {
					held = append(held, id)
				}
			}
			require.Len(t, held, 1, name)
			assert.Contains(t, plan.DependsOn, held[0], "%s is evaluated before it may do anything", name)
			rights := fmt.Sprint(recovery.Resources[held[0]].Properties["PolicyDocument"])
			assert.Contains(t, rights, "/region-switch/"+name+"/*", "%s acts with the role of another plan", name)
			assert.Equal(t, name == config.PlanFailover, strings.Contains(rights, "rds:FailoverGlobalCluster"), "%s may lose data", name)
		}
	})
}

func TestAPlanKnowsBothRegionsAndThePromise(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		assert.LessOrEqual(t, env.DR.Recovery.TimeObjective, 30*time.Minute, "the seed's promise")
		for name, plan := range plans(t, env) {
			assert.Equal(t, []any{"sa-east-1", []any{"sa-east-1", "us-east-1"}, "activePassive", env.DR.Recovery.TimeObjective.Minutes()}, []any{
				plan.Properties["PrimaryRegion"], plan.Properties["Regions"], plan.Properties["RecoveryApproach"], plan.Properties["RecoveryTimeObjectiveMinutes"],
			}, name)
		}
	})
}

func TestARecoveryIsMeasuredByWhatTheWorldSeesOfBothRegions(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		want := map[string]any{}
		for _, side := range sides(env) {
			id := "load-balancer-" + side.region.Name
			want[id] = map[string]any{
				"AlarmType":          "applicationHealth",
				"ResourceIdentifier": fmt.Sprintf("arn:aws:cloudwatch:us-east-1:%s:alarm:wallet-%s-%s", env.Site.Account, env.Name, id),
			}
			assert.Contains(t, env.alarms(t), id, "the plan would watch an alarm that is not there")
		}
		for name, plan := range plans(t, env) {
			assert.Equal(t, want, plan.Properties["AssociatedAlarms"], name)
		}
	})
}

// The plans name what they act on, in both regions; a name that nothing has is
// found on the night.
func TestAPlanActsOnTheDatabaseAndTheServiceOfBothRegions(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		var clusters, services []any
		for _, side := range sides(env) {
			cluster := env.stack(t, side.data).only(t, "AWS::RDS::DBCluster").Properties
			assert.Equal(t, env.Names().DatabaseClusterName(side.region), cluster["DBClusterIdentifier"], "the plan would promote a cluster that is not there")
			clusters = append(clusters, env.Names().DatabaseClusterARN(side.region))
			compute := env.stack(t, side.compute)
			assert.Equal(t, env.Names().ECSClusterName(), compute.only(t, "AWS::ECS::Cluster").Properties["ClusterName"])
			assert.Equal(t, env.Names().ServiceName(), compute.only(t, "AWS::ECS::Service").Properties["ServiceName"])
			services = append(services, map[string]any{"ClusterArn": env.Names().ECSClusterARN(side.region), "ServiceArn": env.Names().ECSServiceARN(side.region)})
		}
		assert.Equal(t, env.Names().GlobalClusterName(), env.stack(t, "data").only(t, "AWS::RDS::GlobalCluster").Properties["GlobalClusterIdentifier"])
		for _, name := range []string{config.PlanFailover, config.PlanFailback} {
			plan := plans(t, env)[name]
			for _, step := range ofKind(t, plan, "AuroraGlobalDatabase") {
				assert.Equal(t, env.Names().GlobalClusterName(), block(t, step)["GlobalClusterIdentifier"], name)
				assert.Equal(t, clusters, block(t, step)["DatabaseClusterArns"], name)
			}
			for _, step := range ofKind(t, plan, "ECSServiceScaling") {
				assert.Equal(t, services, block(t, step)["Services"], name)
			}
		}
	})
}

func TestTheReportOfEachPlanIsKeptUnderItsName(t *testing.T) {
	t.Parallel()
	switching(t, func(t *testing.T, env environment, _ template) {
		bucket := env.Names().Bucket("logs", env.Secondary)
		for name, plan := range plans(t, env) {
			output := at(plan.Properties, "ReportConfiguration", "ReportOutput", 0, "S3Configuration")
			assert.Equal(t, map[string]any{"BucketOwner": env.Site.Account, "BucketPath": bucket + "/region-switch/" + name}, output)
		}
		assert.Contains(t, bucketNames(env.stack(t, "global")), bucket, "the reports of a failover would go nowhere")
	})
}

// CDK orders stacks by what they read of each other; these know each other by name
// alone.
func TestAStackIsDeployedAfterWhatItNeedsWithoutReadingIt(t *testing.T) {
	for _, need := range []struct{ stack, before, otherwise string }{
		{"dr", "data", "the secondary would join a global database that nobody has made, and a primary could go before its secondary"},
		{"dr-messaging", "messaging", "the replicator would read a cluster that lets it in later"},
		{"dr-compute", "compute", "a release would meet a schema that its migration has not changed"},
		{"dr-recovery", "compute", "the wallet's name would lead to a name that is not there"},
		{"dr-recovery", "dr-compute", "the wallet's name would lead to a name that is not there"},
		{"dr-recovery", "dr", "the plans would promote a cluster that is not there"},
		{"data", "global", "the first push of an image would find no place for its copy"},
		{"compute", "data", "the first push of an image would find no place for its copy"},
	} {
		t.Run(need.stack+" after "+need.before, func(t *testing.T) {
			standby(t, func(t *testing.T, env environment, _ template) {
				assert.Contains(t, env.stack(t, need.stack).requires, env.Names().StackName(need.before), need.otherwise)
			})
		})
	}
}
