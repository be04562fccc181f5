package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"wallet-infra/internal/drill/plan"
)

// Check is one thing that must be true.
type Check struct {
	// After is what had just happened: [afterFault], [afterFailover], [afterFailback].
	After  string
	Name   string
	OK     bool
	Detail string
}

const (
	afterFault    = "fault"
	afterFailover = "failover"
	afterFailback = "failback"
)

func (r *rehearsal) check(name string, ok bool, format string, arguments ...any) {
	r.report.Checks = append(r.report.Checks, Check{After: r.after, Name: name, OK: ok, Detail: fmt.Sprintf(format, arguments...)})
}

// verifyFailover asks the second region, and nobody else, whether it serves.
func (r *rehearsal) verifyFailover(ctx context.Context) {
	r.after = afterFailover
	region := r.Promised.Secondary
	r.verifyRegions()
	r.verifyApproval("failover", r.failover)
	r.verifyWriter(ctx, region)
	r.verifyTasks(ctx, region, r.failover)
	r.verifyName(ctx, region)
	r.verifyAlarms(ctx)
	r.verifyLoss()
	r.verifyTimes("failover", r.failover)
	r.verifyBounds()
	r.verifyCalls()
}

func (r *rehearsal) verifyFailback(ctx context.Context) {
	r.after = afterFailback
	region := r.Promised.Primary
	r.verifyApproval("failback", r.failback)
	r.verifyWriter(ctx, region)
	r.verifyTasks(ctx, region, r.failback)
	r.verifyName(ctx, region)
	r.verifyTimes("failback", r.failback)
}

func (r *rehearsal) verifyWriter(ctx context.Context, region string) {
	global, err := describeGlobal(ctx, r.lab.Cloud.In(region), r.Blueprint.Database.ID)
	if err != nil {
		r.check(region+" is the writer", false, "%v", err)
		return
	}
	var writers []string
	for _, member := range global.GlobalClusterMembers {
		if aws.ToBool(member.IsWriter) {
			writers = append(writers, aws.ToString(member.DBClusterArn))
		}
	}
	r.check(region+" is the only writer", len(writers) == 1 && regionOf(writers[0]) == region, "writers: %s", strings.Join(writers, ", "))
	r.check("both regions' clusters are still members", len(global.GlobalClusterMembers) == len(r.Blueprint.Database.Clusters),
		"%d members", len(global.GlobalClusterMembers))
}

func (r *rehearsal) verifyTasks(ctx context.Context, region string, journal *Journal) {
	for _, service := range r.Blueprint.Services {
		if service.Region != region {
			continue
		}
		need := 0
		for arn, busiest := range journal.Baseline {
			if regionOf(arn) != region && last(arn, "/") == service.Name {
				need = busiest
			}
		}
		now, err := describeService(ctx, r.lab.Cloud.In(region), service.ClusterARN, service.ARN)
		// An ungraceful execution may go on with a part of the tasks; the rest must
		// at least be wanted.
		ok := err == nil && int(now.DesiredCount) >= need && now.RunningCount > 0
		if journal.Mode == plan.Graceful {
			ok = ok && int(now.RunningCount) >= need
		}
		r.check(service.Name+" is scaled in "+region, ok, "%d of %d tasks run, %d needed", now.RunningCount, now.DesiredCount, need)
	}
}

// verifyName asks where the API's name leads. A region's own host must be a record
// that a stack of that region makes: else it could be another region's.
func (r *rehearsal) verifyName(ctx context.Context, region string) {
	answer, err := resolve(ctx, r.lab.Cloud.In(region), r.fixture.zone, r.Promised.Name)
	wanted := ""
	for _, host := range r.Blueprint.RegionalRecords {
		if host.Name == r.Promised.Hosts[region] && host.Region == region {
			wanted = host.Target
		}
	}
	r.check(r.Promised.Name+" leads to "+region, err == nil && wanted != "" && answer == wanted, "it leads to %s, %s's own host %q to %s",
		answer, region, r.Promised.Hosts[region], wanted)
}

// verifyApproval proves from the journal that a person agreed before the database
// could lose anything.
func (r *rehearsal) verifyApproval(way string, journal *Journal) {
	var approved time.Time
	for _, record := range journal.Records {
		if record.Block == plan.Approval && record.Status == StepCompleted {
			approved = record.Ended
		}
		if record.Block == plan.Aurora {
			r.check("a person approved the "+way+" before "+record.Path, !approved.IsZero() && !record.Started.Before(approved), "approved: %v", !approved.IsZero())
		}
	}
}

// verifyRegions holds the plans against the regions of the configuration.
func (r *rehearsal) verifyRegions() {
	r.check("the plans lead from "+r.Promised.Primary+" to "+r.Promised.Secondary,
		r.Promised.Primary != "" && r.Blueprint.Primary == r.Promised.Primary && r.Blueprint.Secondary == r.Promised.Secondary,
		"they lead from %s to %s", r.Blueprint.Primary, r.Blueprint.Secondary)
}

// verifyAlarms asks for the alarms by which the loss is noticed. One that lives in
// the lost region cannot ring.
func (r *rehearsal) verifyAlarms(ctx context.Context) {
	if len(r.Blueprint.Alarms) == 0 {
		r.check("an alarm notices the loss", false, "the plans watch no alarm")
	}
	for _, alarm := range r.Blueprint.Alarms {
		if alarm.Region == r.Blueprint.Primary {
			r.check("alarm "+alarm.Name+" rings without "+r.Blueprint.Primary, false, "it lives there")
			continue
		}
		out, err := r.lab.Cloud.In(alarm.Region).CloudWatch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{alarm.Name}})
		r.check("alarm "+alarm.Name+" rings without "+r.Blueprint.Primary, err == nil && len(out.MetricAlarms) == 1, "it is in %s", alarm.Region)
	}
}

func (r *rehearsal) verifyLoss() {
	lag, accepted := r.failover.Lag, r.failover.LossAccepted
	switch {
	case r.Mode == plan.Graceful:
		r.check("nothing was lost", !r.lostData(), "a switchover waits until both databases are in step")
	case accepted:
		r.check("the loss was accepted by a person", true, "lag %s, objective %s", showLag(lag), r.RPO)
	default:
		r.check("the loss is within the objective", lag != unknown && lag <= r.RPO, "lag %s, objective %s", showLag(lag), r.RPO)
	}
}

// lostData says whether a failover, and not a switchover, was asked for.
func (r *rehearsal) lostData() bool { return r.count("FailoverGlobalCluster") > 0 }

// count is how often an operation got through since the loss.
func (r *rehearsal) count(operation string) int {
	n := 0
	for _, call := range r.lab.Cloud.Guard.Calls()[r.lostAt:] {
		if call.Operation == operation && call.Refused == "" {
			n++
		}
	}
	return n
}

func showLag(lag time.Duration) string {
	if lag == unknown {
		return "unknown"
	}
	return lag.String()
}

// verifyTimes holds each step to its time-out and the sum to the objective.
func (r *rehearsal) verifyTimes(way string, journal *Journal) {
	for _, record := range journal.Records {
		// A look that began within the time may end after it. An attempt that was
		// stopped for its length is a fault's own check.
		if record.Status == StepCompleted && record.Took() > record.Budget+pause {
			r.check(way+" step "+record.Path+" kept its time", false, "%s of %s", record.Took(), record.Budget)
		}
	}
	if way != "failover" {
		return
	}
	budget := r.report.Budget
	r.check("the budget keeps the objective", budget.Objective > 0 && budget.Total() <= budget.Objective,
		"%s of %s", budget.Total(), budget.Objective)
}

// verifyBounds asks the templates whether the second region may run what it needs.
func (r *rehearsal) verifyBounds() {
	most := map[string]int{}
	for _, service := range r.Blueprint.Services {
		most[service.Region] += service.Max
	}
	r.check("the scaling bounds of "+r.Blueprint.Secondary+" allow the whole load",
		most[r.Blueprint.Secondary] >= most[r.Blueprint.Primary], "%d tasks at most, %d in %s",
		most[r.Blueprint.Secondary], most[r.Blueprint.Primary], r.Blueprint.Primary)
}

// verifyCalls proves from the guard's record that nothing was asked of the lost
// region, not even in vain, and nothing of another machine.
func (r *rehearsal) verifyCalls() {
	calls := r.lab.Cloud.Guard.Calls()
	var asked, abroad []string
	for i, call := range calls {
		if i >= r.lostAt && call.Region == r.Blueprint.Primary {
			asked = append(asked, call.Service+" "+call.Operation)
		}
		if !strings.HasSuffix(r.lab.Cloud.Endpoint, call.Host) {
			abroad = append(abroad, call.Host)
		}
	}
	r.report.Calls = summarize(calls[r.lostAt:])
	r.check("nothing of "+r.Blueprint.Primary+" was called", len(asked) == 0, "%s",
		strings.TrimSpace(fmt.Sprintf("%d calls since the loss, to %s: %d %s",
			len(calls)-r.lostAt, r.Blueprint.Primary, len(asked), strings.Join(asked, ", "))))
	r.check("every request stayed on this machine", len(abroad) == 0, "%d requests; elsewhere: %d", len(calls), len(abroad))
}
