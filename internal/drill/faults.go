package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Fault is something that goes wrong in a rehearsal, with what must be true then
// and what a person does about it.
type Fault struct {
	Name, What string
	// Virtual says that the fault waits for a time-out, so that its rehearsal runs
	// on a virtual clock at any endpoint.
	Virtual bool

	arrange func(ctx context.Context, r *rehearsal, abort context.CancelFunc) error
	remedy  func(ctx context.Context, r *rehearsal, failed error) error
}

// Faults are all faults, each rehearsed in an ungraceful execution: the one that
// happens on the day.
func Faults() []Fault {
	return []Fault{
		{Name: "throttle", What: "the APIs throttle", arrange: throttle, remedy: throttled},
		{Name: "timeout", What: "the database step takes longer than its time-out", Virtual: true, arrange: hold, remedy: held},
		{Name: "twice", What: "the plan is started twice", arrange: startTwice, remedy: startedTwice},
		{Name: "lag", What: "the secondary is behind by more than the objective", arrange: fallBehind, remedy: fellBehind},
		{Name: "abort", What: "the operator aborts while the database is being promoted", arrange: abortHalfWay, remedy: aborted},
	}
}

func findFault(name string) (Fault, error) {
	if name == "" {
		return Fault{}, nil
	}
	var names []string
	for _, fault := range Faults() {
		if fault.Name == name {
			return fault, nil
		}
		names = append(names, fault.Name)
	}
	return Fault{}, fmt.Errorf("no fault %q; there are %s", name, strings.Join(names, ", "))
}

// WaitsForTimeouts says that a fault's rehearsal lasts as long as a time-out, so
// that it wants a virtual clock wherever it runs.
func WaitsForTimeouts(name string) bool {
	fault, err := findFault(name)
	return err == nil && fault.Virtual
}

// throttles is fewer than the attempts that a request has (cloud.attempts).
const throttles = 6

func throttle(_ context.Context, r *rehearsal, _ context.CancelFunc) error {
	var once sync.Once // steps that run side by side begin at the same time
	r.before = func(path string) {
		if strings.Contains(path, "/") { // beyond the approval, which asks nothing
			once.Do(func() { r.lab.Cloud.Guard.Throttle(throttles) })
		}
	}
	return nil
}

func throttled(_ context.Context, r *rehearsal, failed error) error {
	n := 0
	for _, call := range r.lab.Cloud.Guard.Calls()[r.lostAt:] {
		if call.Refused == "throttled" {
			n++
		}
	}
	r.check("throttled requests were made again", n == throttles && failed == nil, "%d throttled, then through", n)
	return failed
}

// hold shows a promotion that does not end, whatever the endpoint says.
func hold(_ context.Context, r *rehearsal, _ context.CancelFunc) error {
	var asked atomic.Bool
	r.lab.Cloud.Guard.InjectResponse(func(operation string, answer any) {
		if operation == "FailoverGlobalCluster" {
			asked.Store(true)
		}
		out, ok := answer.(*rds.DescribeGlobalClustersOutput)
		if !ok || !asked.Load() {
			return
		}
		for i := range out.GlobalClusters {
			out.GlobalClusters[i].Status = aws.String("failing-over")
			out.GlobalClusters[i].FailoverState = &rdstypes.FailoverState{Status: rdstypes.FailoverStatusFailingOver}
		}
	})
	return nil
}

func held(ctx context.Context, r *rehearsal, failed error) error {
	r.stopped()
	r.check("a step that takes too long stops the plan", errors.Is(failed, ErrTimeout) && r.failover.State == Paused, "%v", failed)
	r.check("no step after it began", r.count("UpdateHealthCheck") == 0, "the name was not moved")
	r.lab.Cloud.Guard.InjectResponse(nil)
	err := r.execution(r.AcceptLoss).Run(ctx)
	r.check("going on promotes nothing twice", r.count("FailoverGlobalCluster") == 1, "%d failovers were asked for", r.count("FailoverGlobalCluster"))
	return err
}

// startTwice starts a second run while the first is under way.
func startTwice(_ context.Context, r *rehearsal, _ context.CancelFunc) error {
	var once sync.Once
	r.before = func(string) {
		once.Do(func() {
			second, err := Open(r.journal("failover"))
			if err == nil {
				_ = second.Close() // the check fails
			}
			r.check("a second start is refused while the first runs", errors.Is(err, ErrUnderWay), "%v", err)
		})
	}
	return nil
}

func startedTwice(ctx context.Context, r *rehearsal, failed error) error {
	if failed != nil {
		return failed
	}
	again := r.execution(true).Run(ctx)
	r.check("a second start is refused when the plan is done", errors.Is(again, ErrDone), "%v", again)
	r.check("the database was promoted once", r.count("FailoverGlobalCluster") == 1, "%d failovers were asked for", r.count("FailoverGlobalCluster"))
	return nil
}

// behind is by how much the lag exceeds the objective.
const behind = 2 * time.Minute

func fallBehind(ctx context.Context, r *rehearsal, _ context.CancelFunc) error {
	return r.lab.setLag(ctx, r.Blueprint, r.RPO+behind)
}

func fellBehind(ctx context.Context, r *rehearsal, failed error) error {
	r.stopped()
	lag := r.RPO + behind
	r.check("a loss beyond the objective needs consent", errors.Is(failed, ErrLoss) && r.failover.State == Loss, "%v", failed)
	r.check("the measured lag is shown", failed != nil && strings.Contains(failed.Error(), "lag "+lag.String()), "lag %s", lag)
	r.check("nothing was promoted without consent", r.count("FailoverGlobalCluster") == 0, "%d failovers were asked for", r.count("FailoverGlobalCluster"))
	return r.execution(true).Run(ctx)
}

// abortHalfWay cancels right after the promotion was asked for.
func abortHalfWay(_ context.Context, r *rehearsal, abort context.CancelFunc) error {
	r.lab.Cloud.Guard.InjectResponse(func(operation string, _ any) {
		if operation == "FailoverGlobalCluster" {
			abort()
		}
	})
	return nil
}

func aborted(ctx context.Context, r *rehearsal, failed error) error {
	r.stopped()
	r.lab.Cloud.Guard.InjectResponse(nil)
	r.check("an abort leaves a stated state", failed != nil && r.failover.State == Aborted, "%s: %v", r.failover.State, failed)
	r.check("the steps after the abort did not begin", r.count("UpdateHealthCheck") == 0, "the name was not moved")
	err := r.execution(r.AcceptLoss).Run(ctx)
	r.check("going on promotes nothing twice", r.count("FailoverGlobalCluster") == 1, "%d failovers were asked for", r.count("FailoverGlobalCluster"))
	return err
}
