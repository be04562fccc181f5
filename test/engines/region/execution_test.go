package region

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/policy"
)

// regionSwitch carries plans out in place of the service, with calls to the emulator.
type regionSwitch struct {
	*platform
	all map[string]plan // by ARN
	// sampled is the most tasks that a service ran, by ARN: Region switch looks while
	// both regions are there.
	sampled map[string]int
	// person decides an approval, with what somebody who reads the metrics can know.
	person func(context.Context) error
	minute time.Duration // how long one of the plan's minutes lasts here

	mu      sync.Mutex
	running map[string]bool // plans under execution, by ARN
	events  []string        // what happened, in its order
}

// patient is a minute in which a slow machine makes its calls; hurried is one for what
// takes longer than its time-out.
const patient, hurried = 10 * time.Second, 300 * time.Millisecond

// The ends of an execution that no step brings about by itself.
var (
	errIllegalState = errors.New("IllegalStateException: the plan is executed already")
	errTimeout      = errors.New("the step's time is up")
	errDeclined     = errors.New("a person declined")
)

// newRegionSwitch knows the plans of the templates; a second person agrees to each.
func newRegionSwitch(t *testing.T, p *platform) *regionSwitch {
	t.Helper()
	all, err := p.plans()
	require.NoError(t, err)
	return &regionSwitch{platform: p, all: all, person: agrees, minute: patient, sampled: map[string]int{}, running: map[string]bool{}}
}

// sample looks how many tasks the services run.
func (r *regionSwitch) sample(ctx context.Context) error {
	names := r.env.Names()
	for _, region := range r.regions() {
		_, running, err := r.tasks(ctx, region, names.ECSClusterName(), names.ServiceName())
		if err != nil {
			return err
		}
		r.sampled[names.ECSServiceARN(r.region(region))] = running
	}
	return nil
}

// named finds a plan by what config calls it.
func (r *regionSwitch) named(name string) (plan, error) {
	for _, one := range r.all {
		if one.Name == r.env.Names().PlanName(name) {
			return one, nil
		}
	}
	return plan{}, fmt.Errorf("no plan %s", name)
}

// execution is one run of a plan.
type execution struct {
	*regionSwitch
	plan   plan
	mode   types.ExecutionMode
	target string // region
}

// execute runs a plan. A plan that is under execution is not started again.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_StartPlanExecution.html
func (r *regionSwitch) execute(ctx context.Context, of plan, mode types.ExecutionMode, target string) error {
	r.mu.Lock()
	under := r.running[of.arn]
	r.running[of.arn] = true
	r.mu.Unlock()
	if under {
		return errIllegalState
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running[of.arn] = false
	}()
	steps, err := of.activates(target)
	if err != nil {
		return err
	}
	run := execution{r, of, mode, target}
	return errors.Join(run.sequence(ctx, steps), run.measure(ctx))
}

// measure reads the plan's alarms where they are, for the recovery time in the report.
// https://docs.aws.amazon.com/r53recovery/latest/dg/security_iam_region_switch_reports.html
func (e execution) measure(ctx context.Context) error {
	var problems []error
	for _, alarm := range e.plan.AssociatedAlarms {
		parsed, err := arn.Parse(alarm.ResourceIdentifier)
		if err == nil {
			_, err = cloudwatch.NewFromConfig(e.in(parsed.Region)).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
				AlarmNames: []string{strings.TrimPrefix(parsed.Resource, "alarm:")},
			})
		}
		problems = append(problems, err, e.may("cloudwatch:DescribeAlarms cloudwatch:DescribeAlarmHistory", alarm.ResourceIdentifier))
	}
	return errors.Join(problems...)
}

func (r *regionSwitch) happened(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, what)
}

func (e execution) sequence(ctx context.Context, steps []step) error {
	for _, one := range steps {
		if err := e.run(ctx, one); err != nil {
			return fmt.Errorf("step %s: %w", one.Name, err)
		}
	}
	return nil
}

// run carries one step out, and stops it when its time is up.
func (e execution) run(ctx context.Context, s step) error {
	c := s.ExecutionBlockConfiguration
	switch s.ExecutionBlockType {
	case "Parallel":
		return e.parallel(ctx, c.ParallelConfig.Steps)
	case "ARCRegionSwitchPlan":
		return e.child(ctx, c.RegionSwitchPlanConfig.Arn)
	}
	ctx, stop := context.WithTimeoutCause(ctx, time.Duration(s.minutes()*float64(e.minute)), errTimeout)
	defer stop()
	var err error
	switch s.ExecutionBlockType {
	case "ManualApproval":
		err = e.approve(ctx, s)
	case "AuroraGlobalDatabase":
		err = e.promote(ctx, s)
	case "ECSServiceScaling":
		err = e.scale(ctx, s)
	case "Route53HealthCheck":
		err = e.move(ctx, s)
	default:
		return fmt.Errorf("nobody carries out a block %q", s.ExecutionBlockType)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// parallel runs all steps to their end, also when one of them fails.
// https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch-plans.html
func (e execution) parallel(ctx context.Context, steps []step) error {
	failures := make([]error, len(steps))
	var all sync.WaitGroup
	for i, one := range steps {
		all.Go(func() { failures[i] = e.sequence(ctx, []step{one}) })
	}
	all.Wait()
	return errors.Join(failures...)
}

// child runs another plan in the same direction and mode.
// https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch-plan-block.html
func (e execution) child(ctx context.Context, planARN string) error {
	if err := e.may("arc-region-switch:StartPlanExecution arc-region-switch:GetPlanExecution", planARN); err != nil {
		return err
	}
	of, ok := e.all[planARN]
	if !ok {
		return fmt.Errorf("no plan %s", planARN)
	}
	return e.execute(ctx, of, e.mode, e.target)
}

// may asks the policies of the plan's role, as IAM would be asked for each call.
func (e execution) may(actions string, resources ...string) error {
	return allowed(e.plan.may, actions, resources...)
}

func allowed(grants []policy.Grant, actions string, resources ...string) error {
	var problems []error
	for action := range strings.FieldsSeq(actions) {
		for _, resource := range resources {
			if !policy.Allows(grants, policy.Call{Action: action, Resource: resource}) {
				problems = append(problems, fmt.Errorf("its role may not %s on %s", action, resource))
			}
		}
	}
	return errors.Join(problems...)
}

// approve asks a person who holds the step's role; declining cancels the execution.
// https://docs.aws.amazon.com/r53recovery/latest/dg/manual-approval-block.html
func (e execution) approve(ctx context.Context, s step) error {
	role := s.ExecutionBlockConfiguration.ExecutionApprovalConfig.ApprovalRole
	if err := allowed(e.policies(role), "arc-region-switch:ApprovePlanExecutionStep", e.plan.arn); err != nil {
		return fmt.Errorf("nobody can approve: %w", err)
	}
	if err := e.person(ctx); err != nil {
		return err
	}
	e.happened(approved)
	return nil
}

// promote makes the target region's cluster the writer: by a switchover, or where the
// block says so, by a failover that loses what was not copied.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_GlobalAuroraConfiguration.html
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_GlobalAuroraUngraceful.html
// https://docs.aws.amazon.com/r53recovery/latest/dg/security_iam_region_switch_aurora.html
func (e execution) promote(ctx context.Context, s step) error {
	c := s.ExecutionBlockConfiguration.GlobalAuroraConfig
	target, err := inRegion(e.target, c.DatabaseClusterArns)
	if err != nil {
		return err
	}
	if err := e.may("rds:DescribeGlobalClusters rds:DescribeDBClusters", "*"); err != nil {
		return err
	}
	client := rds.NewFromConfig(e.in(e.target))
	before, err := e.global(ctx, client, c.GlobalClusterIdentifier)
	if err != nil || writer(before) == target {
		return err
	}
	named := append([]string{aws.ToString(before.GlobalClusterArn)}, c.DatabaseClusterArns...)
	if c.Behavior == "failover" || e.mode == types.ExecutionModeUngraceful && c.Ungraceful.Ungraceful == "failover" {
		if err := e.may("rds:FailoverGlobalCluster", named...); err != nil {
			return err
		}
		e.happened(lossy)
		_, err = client.FailoverGlobalCluster(ctx, &rds.FailoverGlobalClusterInput{
			GlobalClusterIdentifier: &c.GlobalClusterIdentifier, TargetDbClusterIdentifier: &target, AllowDataLoss: new(true),
		})
	} else {
		if err := e.may("rds:SwitchoverGlobalCluster", named...); err != nil {
			return err
		}
		_, err = client.SwitchoverGlobalCluster(ctx, &rds.SwitchoverGlobalClusterInput{
			GlobalClusterIdentifier: &c.GlobalClusterIdentifier, TargetDbClusterIdentifier: &target,
		})
	}
	if err != nil {
		return err
	}
	return e.until(ctx, promoted, func() (bool, error) {
		now, err := e.global(ctx, client, c.GlobalClusterIdentifier)
		return err == nil && aws.ToString(now.Status) == "available" && writer(now) == target, err
	})
}

func (p *platform) global(ctx context.Context, client *rds.Client, id string) (rdstypes.GlobalCluster, error) {
	found, err := client.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: &id})
	if err != nil {
		return rdstypes.GlobalCluster{}, err
	}
	return found.GlobalClusters[0], nil
}

// writer is the one member that writes; empty where several do, or none.
func writer(global rdstypes.GlobalCluster) string {
	var writers []string
	for _, member := range global.GlobalClusterMembers {
		if aws.ToBool(member.IsWriter) {
			writers = append(writers, aws.ToString(member.DBClusterArn))
		}
	}
	if len(writers) != 1 {
		return ""
	}
	return writers[0]
}

// until looks until something has come about, or the step's time is up.
func (e execution) until(ctx context.Context, event string, arrived func() (bool, error)) error {
	for {
		yes, err := arrived()
		if yes {
			e.happened(event)
		}
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(look):
		}
	}
}

// scale gives the target region's service the percentage of the tasks that the other
// one's ran at its busiest, and the lower bound with it; in an ungraceful execution
// some of them are enough to go on. A percentage that is left out is 100.
// https://docs.aws.amazon.com/r53recovery/latest/dg/ecs-service-scaling-block.html
// https://docs.aws.amazon.com/r53recovery/latest/dg/security_iam_region_switch_ecs.html
func (e execution) scale(ctx context.Context, s step) error {
	c := s.ExecutionBlockConfiguration.EcsCapacityIncreaseConfig
	var services []string
	clusters, most := map[string]string{}, 0
	for _, one := range c.Services {
		services = append(services, one.ServiceArn)
		clusters[one.ServiceArn] = one.ClusterArn
		if !strings.Contains(one.ServiceArn, ":"+e.target+":") {
			most = max(most, e.sampled[one.ServiceArn])
		}
	}
	service, err := inRegion(e.target, services)
	if err != nil {
		return err
	}
	cluster, err := inRegion(e.target, []string{clusters[service]})
	if err != nil {
		return err
	}
	if err := errors.Join(e.may("ecs:DescribeServices", services...), e.may("ecs:DescribeClusters", cluster),
		e.may("ecs:ListServices cloudwatch:GetMetricStatistics application-autoscaling:DescribeScalableTargets", "*")); err != nil {
		return err
	}
	need := share(c.TargetPercent, most)
	wanted, _, err := e.tasks(ctx, e.target, cluster, service)
	if err != nil {
		return err
	}
	if wanted < need {
		bounds := "arn:aws:application-autoscaling:" + e.target + ":" + e.env.Site.Account + ":scalable-target/0ec0"
		if err := errors.Join(e.may("ecs:UpdateService", service), e.may("application-autoscaling:RegisterScalableTarget", bounds)); err != nil {
			return err
		}
		if _, err := ecs.NewFromConfig(e.in(e.target)).UpdateService(ctx, &ecs.UpdateServiceInput{
			Cluster: &cluster, Service: &service, DesiredCount: new(int32(need)), // #nosec G115 -- a count of tasks
		}); err != nil {
			return err
		}
	}
	enough := need
	if e.mode == types.ExecutionModeUngraceful {
		enough = share(c.Ungraceful.MinimumSuccessPercentage, need)
	}
	return e.until(ctx, scaled, func() (bool, error) {
		_, running, err := e.tasks(ctx, e.target, cluster, service)
		return err == nil && running >= enough, err
	})
}

// share is a percentage of tasks, rounded up; all of them where none is given.
func share(percent *float64, of int) int {
	if percent == nil {
		return of
	}
	return int(math.Ceil(*percent / 100 * float64(of)))
}

// move makes the target region's health check healthy and the other one unhealthy, once
// it has found the records that hang on them: the plan says which record belongs to which
// region, and evaluation compares. The checks are Region switch's own, which needs no
// right in the account to change them.
// https://docs.aws.amazon.com/r53recovery/latest/dg/route53-health-check-block.html
// https://docs.aws.amazon.com/r53recovery/latest/dg/security_iam_region_switch_route53.html
func (e execution) move(ctx context.Context, s step) error {
	c := s.ExecutionBlockConfiguration.Route53HealthCheckConfig
	if err := e.may("route53:ListResourceRecordSets", "arn:aws:route53:::hostedzone/"+c.HostedZoneID); err != nil {
		return err
	}
	found, err := e.dns().ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &c.HostedZoneID})
	if err != nil {
		return err
	}
	for _, set := range c.RecordSets {
		if !slices.ContainsFunc(found.ResourceRecordSets, func(record r53types.ResourceRecordSet) bool {
			return sameName(record.Name, c.RecordName) && aws.ToString(record.SetIdentifier) == set.RecordSetIdentifier &&
				aws.ToString(record.HealthCheckId) == e.checks[set.Region]
		}) {
			return fmt.Errorf("no record %s %q hangs on the health check of %s", c.RecordName, set.RecordSetIdentifier, set.Region)
		}
	}
	for region, check := range e.checks {
		if _, err := e.dns().UpdateHealthCheck(ctx, &route53.UpdateHealthCheckInput{HealthCheckId: &check, Inverted: new(region != e.target)}); err != nil {
			return err
		}
	}
	e.happened(moved)
	return nil
}

func sameName(written *string, name string) bool {
	return strings.TrimSuffix(aws.ToString(written), ".") == strings.TrimSuffix(name, ".")
}

// inRegion is the one of several ARNs that is of a region.
func inRegion(region string, arns []string) (string, error) {
	for _, one := range arns {
		if parsed, err := arn.Parse(one); err == nil && parsed.Region == region {
			return one, nil
		}
	}
	return "", fmt.Errorf("it names nothing in %s", region)
}
