package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"wallet-infra/internal/drill/plan"
)

// State is where an execution stands. Every state says what is true of the system
// and what a person does next ([State.Stands], [State.Next]).
type State string

// The states of an execution.
const (
	Running   State = "running"   // or it was killed: nothing else leaves this state behind
	Paused    State = "paused"    // a step failed or took too long
	Loss      State = "loss"      // waits for a person who accepts the loss of data
	Aborted   State = "aborted"   // the operator stopped it between two actions
	Completed State = "completed" // the target region serves
)

// Stands says what is true of the system in a state.
func (s State) Stands() string {
	switch s {
	case Running:
		return "a run is under way, or was killed: what the journal calls completed is done, the step after it may be half done"
	case Paused:
		return "the steps before the failed one are done, the ones after it have not begun; what the failed step asked for may still come about"
	case Loss:
		return "nothing was promoted: the old writer is the writer, and both databases are as they were; the second region may run more tasks already"
	case Aborted:
		return "the completed steps are done; the step that was interrupted may still come about by itself"
	case Completed:
		return "the target region writes, runs the tasks and gets the traffic"
	}
	return "nothing has begun"
}

// Next says what a person does in a state.
func (s State) Next() string {
	switch s {
	case Running:
		return "make sure that no other run is alive, then run again: it looks at each resource before it acts, and goes on where the journal ends"
	case Paused:
		return "read the step's error, then run again: done steps are not repeated; a graceful run may go on as an ungraceful one"
	case Loss:
		return "wait until the lag is below the objective and run again, or run again with --accept-data-loss"
	case Aborted:
		return "run again to go on; to give up instead, nothing needs undoing before the database is promoted, and afterwards the failback plan leads back"
	case Completed:
		return "when the lost region is well again, run the failback plan"
	}
	return "run"
}

// Status is where a step stands.
type Status string

// The statuses of a step. The last is for blocks whose work an emulator cannot
// do: they are counted, and never passed over as done.
const (
	StepRunning      Status = "running"
	StepCompleted    Status = "completed"
	StepSkipped      Status = "skipped"
	StepFailed       Status = "failed"
	StepNotExercised Status = "not exercised"
)

// Record is the evidence of one step.
type Record struct {
	Path    string // the names of the step and of those that it is in
	Attempt int    // from 1
	Block   plan.Block
	Status  Status
	Started time.Time
	Ended   time.Time
	Budget  time.Duration
	Note    string
}

// Took is the step's measured duration.
func (r Record) Took() time.Duration {
	if r.Ended.IsZero() {
		return 0
	}
	return r.Ended.Sub(r.Started)
}

// Journal is what an execution remembers on disk, so that a second run goes on or
// refuses, whatever became of the first.
type Journal struct {
	Scenario     string // the rehearsal's name
	Plan, Target string
	Mode         plan.Mode
	State        State
	Why          string
	Stands, Next string
	Endpoint     string
	Records      []Record
	// Baseline is how many tasks the region that is left ran at its busiest, by the
	// service's ARN. Region switch keeps it in every region of a plan.
	Baseline map[string]int
	// Checks are the health checks that stand for those which Region switch makes,
	// by region, and Zone is the hosted zone that stands for the plan's.
	Checks map[string]string
	Zone   string
	// Lag is what was read before the database was promoted; negative is unknown.
	Lag          time.Duration
	LossAccepted bool
	History      []Event

	path string
	lock *flock.Flock
}

// Event is a change of the journal's state.
type Event struct {
	At    time.Time
	State State
	Why   string
}

// The reasons for which a run is refused.
var (
	ErrUnderWay  = errors.New("another run of this plan is under way")
	ErrDone      = errors.New("the plan was completed already")
	ErrOtherPlan = errors.New("another execution is unfinished")
)

// Open takes the journal in a file for one run, and reads what an earlier run
// left there. It fails while another run holds it, in this process or any other.
func Open(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	lock := flock.New(path + ".lock")
	taken, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, fmt.Errorf("%w: it holds %s", ErrUnderWay, path)
	}
	j := &Journal{path: path, lock: lock}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return j, nil
	}
	if err == nil {
		err = json.Unmarshal(content, j)
	}
	if err != nil {
		_ = lock.Unlock() // the first error says more
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}

// Reset forgets an execution that is over, or whose world is gone.
func (j *Journal) Reset() error {
	*j = Journal{path: j.path, lock: j.lock}
	err := os.Remove(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Close lets another run take the journal.
func (j *Journal) Close() error { return j.lock.Unlock() }

// Begin decides what a run may do: start, go on, or neither. A graceful execution
// may go on as an ungraceful one, as Region switch allows; not the other way,
// because what was lost does not come back.
func (j *Journal) Begin(planName, target, endpoint string, mode plan.Mode) (resumes bool, err error) {
	switch {
	case j.State == "":
		j.Plan, j.Target, j.Mode, j.Endpoint = planName, target, mode, endpoint
		return false, nil
	case j.Plan != planName || j.Target != target || j.Endpoint != endpoint:
		return false, fmt.Errorf("%w: plan %s to %s at %s is %s; %s", ErrOtherPlan, j.Plan, j.Target, j.Endpoint, j.State, j.State.Next())
	case j.State == Completed:
		return false, fmt.Errorf("%w: %s; %s", ErrDone, j.State.Stands(), j.State.Next())
	case j.Mode == plan.Ungraceful && mode == plan.Graceful:
		return false, fmt.Errorf("%w: it was started ungracefully and cannot go on gracefully", ErrOtherPlan)
	}
	j.Mode = mode
	return true, nil
}

// Enter changes the state and writes it down before anything else happens.
func (j *Journal) Enter(at time.Time, state State, why string) error {
	j.State, j.Why, j.Stands, j.Next = state, why, state.Stands(), state.Next()
	j.History = append(j.History, Event{At: at, State: state, Why: why})
	return j.save()
}

// Put writes a step's record down. Each attempt at a step has a record of its
// own: what went wrong stays in evidence after it went right.
func (j *Journal) Put(record Record) error {
	for i := range j.Records {
		if j.Records[i].Path == record.Path && j.Records[i].Attempt == record.Attempt {
			j.Records[i] = record
			return j.save()
		}
	}
	j.Records = append(j.Records, record)
	return j.save()
}

// Attempts is how often a step was begun so far.
func (j *Journal) Attempts(path string) int {
	n := 0
	for _, record := range j.Records {
		if record.Path == path {
			n++
		}
	}
	return n
}

// Done says whether a step needs no further attempt.
func (j *Journal) Done(path string) bool {
	for _, record := range j.Records {
		over := record.Status == StepCompleted || record.Status == StepSkipped || record.Status == StepNotExercised
		if record.Path == path && over {
			return true
		}
	}
	return false
}

// save replaces the file as a whole, so that a crash leaves the old or the new.
func (j *Journal) save() error {
	content, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	next := j.path + ".new"
	if err := os.WriteFile(next, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, j.path)
}
