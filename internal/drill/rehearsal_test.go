package drill

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/drill/blueprint"
	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/fakeaws"
	"wallet-infra/internal/drill/plan"
)

const objective = 5 * time.Minute

// settings are a rehearsal of the plans in testdata, which were synthesized.
func settings(t *testing.T, mode plan.Mode) Settings {
	t.Helper()
	stacks, err := cfn.Read("testdata/assembly")
	require.NoError(t, err)
	read, err := blueprint.Read(stacks, "wallet-production")
	require.NoError(t, err)
	return Settings{
		Blueprint: read, Mode: mode, RPO: objective, Directory: t.TempDir(),
		Promised: Promised{Primary: "sa-east-1", Secondary: "us-east-1", Name: "api.wallet.example.com", Hosts: map[string]string{
			"sa-east-1": "sa-east-1.api.wallet.example.com", "us-east-1": "us-east-1.api.wallet.example.com",
		}},
		Approve: func(context.Context, plan.Step) error { return nil },
	}
}

func fake(t *testing.T) Lab {
	t.Helper()
	lab, err := NewFake("222222222222")
	require.NoError(t, err)
	t.Cleanup(func() { _ = lab.Close() })
	return lab
}

// endpoint is the fake as an endpoint that outlives a run, as an emulator does.
func endpoint(t *testing.T) (Lab, *fakeaws.Server) {
	t.Helper()
	clk := clock.NewVirtual(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	server, err := fakeaws.New(clk)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	lab, err := NewEndpoint(server.URL, "222222222222", clk)
	require.NoError(t, err)
	return lab, server
}

func failed(report Report) []string {
	var names []string
	for _, check := range report.Checks {
		if !check.OK {
			names = append(names, check.Name)
		}
	}
	return names
}

func calls(lab Lab, operation string) int {
	n := 0
	for _, call := range lab.Cloud.Guard.Calls() {
		if call.Operation == operation && call.Refused == "" {
			n++
		}
	}
	return n
}

// step finds a step of the failover plan, wherever it is nested.
func step(steps []plan.Step, name string) *plan.Step {
	for i := range steps {
		if steps[i].Name == name {
			return &steps[i]
		}
		if found := step(steps[i].ExecutionBlockConfiguration.ParallelConfig.Steps, name); found != nil {
			return found
		}
	}
	return nil
}

func TestBothWaysAndEveryFaultEndWithTheFirstRegionServing(t *testing.T) {
	all := Suite(settings(t, ""))
	require.Len(t, all, 2+len(Faults()))
	open := func(Settings) (Lab, error) { return NewFake("222222222222") }
	reports, err := RunAll(context.Background(), open, all)
	require.NoError(t, err)
	interrupted := map[string]State{"fault-timeout": Paused, "fault-lag": Loss, "fault-abort": Aborted}
	for _, report := range reports {
		assert.Empty(t, report.Error, report.Name)
		assert.Empty(t, failed(report), report.Name)
		assert.Equal(t, Completed, report.Failover.State, report.Name)
		assert.Equal(t, Completed, report.Failback.State, report.Name)
		assert.Equal(t, "sa-east-1", report.Failback.Target)
		if state, ok := interrupted[report.Name]; ok {
			require.Len(t, report.Interruptions, 1, report.Name)
			assert.Equal(t, state, report.Interruptions[0].State)
			assert.NotEmpty(t, report.Interruptions[0].Next)
		}
		assert.FileExists(t, filepath.Join(all[0].Directory, report.Name+".json"))
		assert.FileExists(t, filepath.Join(all[0].Directory, report.Name+".md"))
	}
}

func TestStepsAreActedInThePlansOrder(t *testing.T) {
	report, err := Rehearse(context.Background(), fake(t), settings(t, plan.Ungraceful))
	require.NoError(t, err)
	var order []string
	for _, record := range report.Failover.Records {
		order = append(order, record.Path)
	}
	slices.Sort(order[2:4]) // side by side
	assert.Equal(t, []string{
		"approve", "activate-region", "activate-region/promote-database", "activate-region/scale-service",
		"move-traffic", "move-traffic/move-traffic",
	}, order)
}

func TestAGracefulExecutionAsksForNoFailover(t *testing.T) {
	lab := fake(t)
	_, err := Rehearse(context.Background(), lab, settings(t, plan.Graceful))
	require.NoError(t, err)
	assert.Zero(t, calls(lab, "FailoverGlobalCluster"))
	assert.Equal(t, 2, calls(lab, "SwitchoverGlobalCluster"), "there and back")
}

func TestACallToTheLostRegionIsNoticed(t *testing.T) {
	lab, s := fake(t), settings(t, plan.Ungraceful)
	var answers []error
	s.Approve = func(ctx context.Context, _ plan.Step) error {
		_, err := lab.Cloud.In("sa-east-1").RDS.DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{})
		answers = append(answers, err)
		return nil
	}
	report, err := Rehearse(context.Background(), lab, s)
	require.NoError(t, err)
	require.Len(t, answers, 2, "on the way there and back")
	assert.ErrorIs(t, answers[0], cloud.ErrBlocked)
	assert.NoError(t, answers[1])
	assert.Equal(t, []string{"nothing of sa-east-1 was called"}, failed(report))
}

func TestAPlanThatForgetsTheNameFails(t *testing.T) {
	s := settings(t, plan.Ungraceful)
	workflow := &s.Blueprint.Failover.Workflows[0]
	workflow.Steps = slices.DeleteFunc(slices.Clone(workflow.Steps), func(s plan.Step) bool { return s.Name == "move-traffic" })
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"api.wallet.example.com leads to us-east-1"}, failed(report))
}

// What the templates say of themselves proves nothing: the records that are mapped
// to each other's region, and each region's host that leads to the other.
func TestANameThatLeadsToTheOtherRegionFails(t *testing.T) {
	const there, back = "api.wallet.example.com leads to us-east-1", "api.wallet.example.com leads to sa-east-1"
	for name, exchange := range map[string]func(b *blueprint.Blueprint){
		"the regions of the records": func(b *blueprint.Blueprint) {
			b.Records[0].Region, b.Records[1].Region = b.Records[1].Region, b.Records[0].Region
		},
		"the targets of the records": func(b *blueprint.Blueprint) {
			b.Records[0].Target, b.Records[1].Target = b.Records[1].Target, b.Records[0].Target
		},
		"the names of the hosts": func(b *blueprint.Blueprint) {
			b.RegionalRecords[0].Name, b.RegionalRecords[1].Name = b.RegionalRecords[1].Name, b.RegionalRecords[0].Name
		},
	} {
		s := settings(t, plan.Ungraceful)
		exchange(&s.Blueprint)
		report, err := Rehearse(context.Background(), fake(t), s)
		require.NoError(t, err, name)
		assert.Equal(t, []string{there, back}, failed(report), name)
	}
}

func TestAPlanThatAsksNobodyFails(t *testing.T) {
	s := settings(t, plan.Ungraceful)
	workflow := &s.Blueprint.Failover.Workflows[0]
	workflow.Steps = slices.DeleteFunc(slices.Clone(workflow.Steps), func(s plan.Step) bool { return s.Name == "approve" })
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"a person approved the failover before activate-region/promote-database"}, failed(report))
}

func TestWithoutThePromiseADrillPassesNothing(t *testing.T) {
	s := settings(t, plan.Graceful)
	s.Promised = Promised{}
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.False(t, report.Passed())
}

func TestAPlanThatScalesTooLittleFails(t *testing.T) {
	s := settings(t, plan.Ungraceful)
	step(s.Blueprint.Failover.Workflows[0].Steps, "scale-service").ExecutionBlockConfiguration.EcsCapacityIncreaseConfig.TargetPercent = 50
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"wallet-service is scaled in us-east-1"}, failed(report))
}

func TestAPlanThatForgetsTheDatabaseFails(t *testing.T) {
	s := settings(t, plan.Graceful)
	parallel := step(s.Blueprint.Failover.Workflows[0].Steps, "activate-region")
	config := &parallel.ExecutionBlockConfiguration.ParallelConfig
	config.Steps = slices.DeleteFunc(config.Steps, func(s plan.Step) bool { return s.Name == "promote-database" })
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"us-east-1 is the only writer"}, failed(report))
}

func TestABudgetBeyondTheObjectiveFails(t *testing.T) {
	s := settings(t, plan.Ungraceful)
	s.Before = []plan.Part{{Name: "detection", Length: 30 * time.Minute}}
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"the budget keeps the objective"}, failed(report))
}

func TestAnAlarmInTheLostRegionFails(t *testing.T) {
	s := settings(t, plan.Ungraceful)
	s.Blueprint.Alarms[0].Region = "sa-east-1"
	report, err := Rehearse(context.Background(), fake(t), s)
	require.NoError(t, err)
	assert.Equal(t, []string{"alarm " + s.Blueprint.Alarms[0].Name + " rings without sa-east-1"}, failed(report))
}

func TestADeclinedApprovalChangesNothing(t *testing.T) {
	lab, s := fake(t), settings(t, plan.Ungraceful)
	declined := errors.New("declined")
	s.Approve = func(context.Context, plan.Step) error { return declined }
	report, err := Rehearse(context.Background(), lab, s)
	assert.ErrorIs(t, err, declined)
	assert.Equal(t, Paused, report.Failover.State)
	for _, operation := range []string{"FailoverGlobalCluster", "SwitchoverGlobalCluster", "UpdateService", "UpdateHealthCheck"} {
		assert.Zero(t, calls(lab, operation), operation)
	}
}

func TestALossBeyondTheObjectiveNeedsConsent(t *testing.T) {
	for name, c := range map[string]struct {
		lag    time.Duration
		accept bool
		loss   bool
	}{
		"within":             {objective, false, false},
		"beyond":             {objective + time.Second, false, true},
		"beyond, with leave": {objective + time.Second, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			lab, s := fake(t), settings(t, plan.Ungraceful)
			set := lab.setLag
			lab.setLag = func(ctx context.Context, b blueprint.Blueprint, _ time.Duration) error { return set(ctx, b, c.lag) }
			s.AcceptLoss = c.accept
			report, err := Rehearse(context.Background(), lab, s)
			if !c.loss {
				require.NoError(t, err)
				assert.Empty(t, failed(report))
				return
			}
			assert.ErrorIs(t, err, ErrLoss)
			assert.ErrorContains(t, err, "lag 5m1s")
			assert.Equal(t, Loss, report.Failover.State)
			assert.Zero(t, calls(lab, "FailoverGlobalCluster"))
		})
	}
}

func TestALossThatNobodyMeasuredNeedsConsent(t *testing.T) {
	lab, _ := endpoint(t)
	s := settings(t, plan.Ungraceful)
	// Of a cluster that is no member, RDS publishes nothing.
	config := &step(s.Blueprint.Failover.Workflows[0].Steps, "promote-database").ExecutionBlockConfiguration.GlobalAuroraConfig
	config.DatabaseClusterArns = slices.Clone(config.DatabaseClusterArns)
	for i, arn := range config.DatabaseClusterArns {
		config.DatabaseClusterArns[i] = strings.Replace(arn, "cluster:wallet", "cluster:other", 1)
	}
	_, err := Rehearse(context.Background(), lab, s)
	assert.ErrorIs(t, err, ErrLoss)
	assert.ErrorContains(t, err, "lag unknown")
}

func TestASwitchoverOfALostRegionPausesAndGoesOnUngracefully(t *testing.T) {
	lab, server := endpoint(t)
	s := settings(t, plan.Graceful)
	s.Approve = func(context.Context, plan.Step) error { server.SetDown("sa-east-1", true); return nil }
	report, err := Rehearse(context.Background(), lab, s)
	assert.ErrorContains(t, err, "InvalidGlobalClusterStateFault")
	assert.Equal(t, Paused, report.Failover.State)
	assert.Contains(t, report.Failover.Next, "may go on as an ungraceful one")

	journal, err := Open(filepath.Join(s.Directory, "journal-failover.json"))
	require.NoError(t, err)
	defer journal.Close()
	goesOn := &Execution{
		Blueprint: s.Blueprint, Plan: s.Blueprint.Failover, Mode: plan.Ungraceful, Target: "us-east-1", Cloud: lab.Cloud,
		Clock: lab.Clock, Journal: journal, Approve: s.Approve, RPO: objective,
	}
	require.NoError(t, goesOn.Run(context.Background()))
	assert.Equal(t, Completed, journal.State)
	assert.Equal(t, 1, calls(lab, "FailoverGlobalCluster"))
}

func TestAnInterruptedRunGoesOnInTheNextProcess(t *testing.T) {
	lab, _ := endpoint(t)
	s := settings(t, plan.Ungraceful)
	ctx, interrupt := context.WithCancel(context.Background())
	lab.Cloud.Guard.InjectResponse(func(operation string, _ any) {
		if operation == "FailoverGlobalCluster" {
			interrupt()
		}
	})
	report, err := Rehearse(ctx, lab, s)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, Aborted, report.Failover.State)

	other := s
	other.Mode = plan.Graceful
	_, err = Rehearse(context.Background(), lab, other)
	assert.ErrorIs(t, err, ErrOtherPlan, "another rehearsal would build on the ruins of this one")

	report, err = Rehearse(context.Background(), lab, s)
	require.NoError(t, err)
	assert.Empty(t, failed(report))
	assert.Equal(t, 1, calls(lab, "FailoverGlobalCluster"), "the promotion was asked for once")
	assert.Equal(t, 1, calls(lab, "CreateGlobalCluster"), "nothing was built anew")
}

func TestADiscardedRunIsForgotten(t *testing.T) {
	lab, _ := endpoint(t)
	s := settings(t, plan.Ungraceful)
	s.Approve = func(context.Context, plan.Step) error { return errors.New("declined") }
	_, err := Rehearse(context.Background(), lab, s)
	require.Error(t, err)

	s = Settings{Blueprint: s.Blueprint, Promised: s.Promised, Mode: plan.Graceful, RPO: objective, Directory: s.Directory, Discard: true,
		Approve: func(context.Context, plan.Step) error { return nil }}
	report, err := Rehearse(context.Background(), lab, s)
	require.NoError(t, err)
	assert.Empty(t, failed(report))
}

func TestAFunctionIsNeverPassedOverAsDone(t *testing.T) {
	s := settings(t, plan.Graceful)
	function := plan.Step{Name: "run", ExecutionBlockType: plan.Lambda}
	skipped := function
	skipped.Name, skipped.ExecutionBlockConfiguration.CustomActionLambdaConfig.Ungraceful.Behavior = "skip", "skip"
	s.Blueprint.Failover.Workflows[0].Steps = append(s.Blueprint.Failover.Workflows[0].Steps, function, skipped)
	for mode, want := range map[plan.Mode]Status{plan.Graceful: StepNotExercised, plan.Ungraceful: StepSkipped} {
		s.Mode, s.Discard = mode, true
		report, err := Rehearse(context.Background(), fake(t), s)
		require.NoError(t, err)
		records := report.Failover.Records
		assert.Equal(t, StepNotExercised, records[len(records)-2].Status)
		assert.Equal(t, want, records[len(records)-1].Status, mode)
	}
}

func TestAReportSaysWhatItDoesNotProve(t *testing.T) {
	report, err := Rehearse(context.Background(), fake(t), settings(t, plan.Ungraceful))
	require.NoError(t, err)
	text := report.Markdown()
	for _, words := range []string{"# Drill ungraceful: passed", "real durations", "real capacity", "Region switch itself", "virtual clock"} {
		assert.Contains(t, text, words)
	}
	report.Checks[0].OK = false
	assert.Contains(t, report.Markdown(), "# Drill ungraceful: FAILED")
	var b strings.Builder
	passed, err := Summarize(&b, t.TempDir(), []Report{report})
	require.NoError(t, err)
	assert.False(t, passed)
	assert.Contains(t, b.String(), "failed: ungraceful: "+report.Checks[0].Name)
}

func TestNoRehearsalIsNoPass(t *testing.T) {
	passed, err := Summarize(&strings.Builder{}, t.TempDir(), nil)
	require.NoError(t, err)
	assert.False(t, passed)
	assert.False(t, Report{}.Passed())
}

// A reader who sees the steps' time beside the sum of everything takes 90 seconds
// for the recovery.
func TestTheReportSetsWhatWasMeasuredBesideWhatWasPromised(t *testing.T) {
	report := Report{
		Mode: plan.Ungraceful, What: "the loss of the region", Steps: 12 * time.Minute, Measured: 90 * time.Second,
		Budget: plan.Budget{Objective: 30 * time.Minute, Parts: []plan.Part{{Name: "everything", Length: 20 * time.Minute}}},
		Loss:   Lost{Lag: 7 * time.Minute, Objective: 5 * time.Minute, Accepted: true},
		Checks: []Check{{After: afterFailback, Name: "a check", OK: true}},
	}
	text := report.Markdown()
	assert.Contains(t, text, "| **sum** | 20m0s | 1m30s of the plan's 12m0s | objective: 30m0s |")
	assert.Contains(t, text, "The secondary's lag before the promotion: 7m0s; objective: 5m0s; a person accepted the loss.")
	assert.Contains(t, text, "| ok | failback | a check |")
	report.Mode = plan.Graceful
	assert.NotContains(t, report.Markdown(), "lag before the promotion")
}
