package drill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/plan"
)

// Settings are one rehearsal's.
type Settings struct {
	Blueprint blueprint.Blueprint
	// Promised is what the templates are held against.
	Promised Promised
	Mode     plan.Mode
	// Fault is the name of one of [Faults], or empty.
	Fault      string
	AcceptLoss bool
	// RPO is the recovery point objective.
	RPO time.Duration
	// Before and After are what the recovery takes besides the plan's steps:
	// detection and decision before them, resolvers after them.
	Before, After []plan.Part
	// Directory holds journals and reports.
	Directory string
	// Discard starts afresh, whatever an earlier rehearsal left unfinished.
	Discard bool
	Approve Approver
	Say     func(format string, arguments ...any)
}

// Promised is what the configuration says, and no template: a drill that asked the
// templates what it should find would find it.
type Promised struct {
	Primary, Secondary string // regions
	// Name is the API's, and Hosts are the regions' own, by region.
	Name  string
	Hosts map[string]string
}

// Name is the rehearsal's, and its files'.
func (s Settings) Name() string {
	if s.Fault != "" {
		return "fault-" + s.Fault
	}
	return string(s.Mode)
}

// rehearsal is one under way.
type rehearsal struct {
	Settings
	lab     Lab
	fixture *fixture
	fault   Fault

	failover, failback *Journal
	lostAt             int // the first call after the loss, among the guard's
	report             Report
	before             func(path string) // set by faults
	after              string            // what the checks are made after
}

// Rehearse loses the primary region, executes the failover plan, checks, and
// leads back. An error means that the rehearsal could not be carried out or was
// interrupted; failed checks are in the report, which is whole in either case.
func Rehearse(ctx context.Context, lab Lab, settings Settings) (Report, error) {
	r := &rehearsal{Settings: settings, lab: lab, after: afterFault}
	r.report = newReport(lab, settings)
	var err error
	if r.fault, err = findFault(settings.Fault); err != nil {
		return r.report, err
	}
	if err := r.openJournals(); err != nil {
		return r.report, err
	}
	defer func() { _ = errors.Join(r.failover.Close(), r.failback.Close()) }()
	err = r.all(ctx)
	lab.Cloud.Guard.InjectResponse(nil)
	lab.unblockRegion(settings.Blueprint.Primary)
	r.finish()
	return r.report, err
}

func (r *rehearsal) openJournals() error {
	var err error
	if r.failover, err = Open(r.journal("failover")); err != nil {
		return err
	}
	if r.failback, err = Open(r.journal("failback")); err != nil {
		_ = r.failover.Close() // the first error says more
	}
	return err
}

// journal is the file of one way. All rehearsals share it, because they share the
// resources that it is about.
func (r *rehearsal) journal(way string) string {
	return filepath.Join(r.Directory, "journal-"+way+".json")
}

func (r *rehearsal) all(ctx context.Context) error {
	r.fixture = &fixture{Blueprint: r.Blueprint, cloud: r.lab.Cloud}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	r.blockRegion()
	if r.failover.State != Completed {
		if err := r.fail(ctx); err != nil {
			return err
		}
	}
	r.verifyFailover(ctx)
	if err := r.comeBack(ctx); err != nil {
		return err
	}
	r.fixture.clear(ctx)
	return nil
}

// prepare builds the two regions, or finds them as an unfinished run left them.
func (r *rehearsal) prepare(ctx context.Context) error {
	unfinished := r.failover.State != "" && r.failback.State != Completed
	if unfinished && !r.lab.Volatile && !r.Discard {
		if r.failover.Scenario != r.Name() {
			return fmt.Errorf("%w: rehearsal %s is %s; run that one again, or discard it", ErrOtherPlan, r.failover.Scenario, r.failover.State)
		}
		r.say("going on with an unfinished rehearsal: %s, %s", r.failover.State, r.failover.Why)
		r.fixture.checks, r.fixture.zone = r.failover.Checks, r.failover.Zone
		return nil
	}
	if err := errors.Join(r.failover.Reset(), r.failback.Reset()); err != nil {
		return err
	}
	r.fixture.clear(ctx)
	if err := r.fixture.build(ctx); err != nil {
		return err
	}
	r.failover.Scenario = r.Name()
	r.failover.Baseline, r.failover.Checks, r.failover.Zone = r.fixture.baseline(), r.fixture.checks, r.fixture.zone
	if err := r.lab.setLag(ctx, r.Blueprint, ordinaryLag); err != nil {
		r.say("nobody publishes the lag here: %v", err)
	}
	return r.settle(ctx, r.Blueprint.Primary)
}

// ordinaryLag is what AWS calls typical: under a second.
const ordinaryLag = 400 * time.Millisecond

// settle waits until every service runs what it was given.
func (r *rehearsal) settle(ctx context.Context, region string) error {
	const patience = 10 * time.Minute
	deadline := r.lab.Clock.Now().Add(patience)
	for _, service := range r.Blueprint.Services {
		if service.Region != region {
			continue
		}
		for {
			now, err := describeService(ctx, r.lab.Cloud.In(region), service.ClusterARN, service.ARN)
			if err != nil {
				return err
			}
			if now.RunningCount >= now.DesiredCount {
				break
			}
			if r.lab.Clock.Now().After(deadline) {
				return fmt.Errorf("%s never ran its %d tasks", service.Name, now.DesiredCount)
			}
			if err := r.lab.Clock.Sleep(ctx, pause); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockRegion loses the region. In a planned change it is lost only for the plan's
// own calls: a switchover needs both databases to talk to each other.
func (r *rehearsal) blockRegion() {
	r.lostAt = len(r.lab.Cloud.Guard.Calls())
	if r.Mode == plan.Graceful {
		r.lab.Cloud.Guard.BlockRegion(r.Blueprint.Primary)
		r.say("no call to %s from here on; its database still replicates, as a switchover needs", r.Blueprint.Primary)
		return
	}
	r.lab.blockRegion(r.Blueprint.Primary)
	r.say("%s is gone", r.Blueprint.Primary)
}

func (r *rehearsal) say(format string, arguments ...any) {
	if r.Say != nil {
		r.Say(format, arguments...)
	}
}

// fail executes the failover plan, with the fault and what remedies it.
func (r *rehearsal) fail(ctx context.Context) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.fault.arrange != nil {
		if err := r.fault.arrange(ctx, r, cancel); err != nil {
			return err
		}
	}
	err := r.execution(r.AcceptLoss).Run(running)
	if r.fault.remedy != nil {
		return r.fault.remedy(ctx, r, err)
	}
	if err != nil {
		r.stopped()
	}
	return err
}

// execution is the failover plan's.
func (r *rehearsal) execution(acceptLoss bool) *Execution {
	return &Execution{
		Blueprint: r.Blueprint, Plan: r.Blueprint.Failover, Mode: r.Mode, Target: r.Blueprint.Secondary,
		Cloud: r.lab.Cloud, Clock: r.lab.Clock, Journal: r.failover, Approve: r.Approve,
		RPO: r.RPO, AcceptLoss: acceptLoss, Before: r.before, Say: r.Say,
	}
}

// stopped keeps where an interruption left the system.
func (r *rehearsal) stopped() {
	j := r.failover
	r.report.Interruptions = append(r.report.Interruptions, Interruption{State: j.State, Why: j.Why, Stands: j.Stands, Next: j.Next})
}

// comeBack gives the region back and executes the failback plan, which never
// loses data.
func (r *rehearsal) comeBack(ctx context.Context) error {
	home := r.Blueprint.Primary
	r.lab.unblockRegion(home)
	r.say("%s is back", home)
	r.failback.Checks, r.failback.Zone, r.failback.Baseline = r.failover.Checks, r.failover.Zone, map[string]int{}
	for _, service := range r.Blueprint.Services {
		now, err := describeService(ctx, r.lab.Cloud.In(service.Region), service.ClusterARN, service.ARN)
		if err != nil {
			return err
		}
		r.failback.Baseline[service.ARN] = int(now.RunningCount)
	}
	back := &Execution{
		Blueprint: r.Blueprint, Plan: r.Blueprint.Failback, Mode: plan.Graceful, Target: home,
		Cloud: r.lab.Cloud, Clock: r.lab.Clock, Journal: r.failback, Approve: r.Approve, RPO: r.RPO, Say: r.Say,
	}
	if err := back.Run(ctx); err != nil {
		return fmt.Errorf("the way back: %w", err)
	}
	r.verifyFailback(ctx)
	return nil
}
