package drill

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/drill/plan"
)

func TestTwoRunsCannotHoldOneJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.json")
	first, err := Open(path)
	require.NoError(t, err)
	_, err = Open(path)
	assert.ErrorIs(t, err, ErrUnderWay)
	require.NoError(t, first.Close())
	second, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestAJournalSurvivesItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.json")
	first, err := Open(path)
	require.NoError(t, err)
	_, err = first.Begin("failover", "us-east-1", "http://127.0.0.1:1", plan.Ungraceful)
	require.NoError(t, err)
	require.NoError(t, first.Enter(time.Now(), Running, "started"))
	require.NoError(t, first.Put(Record{Path: "approve", Attempt: 1, Status: StepCompleted}))
	require.NoError(t, first.Put(Record{Path: "promote", Attempt: 1, Status: StepRunning}))
	require.NoError(t, first.Close()) // a killed process loses its lock too

	second, err := Open(path)
	require.NoError(t, err)
	defer second.Close()
	resumes, err := second.Begin("failover", "us-east-1", "http://127.0.0.1:1", plan.Ungraceful)
	require.NoError(t, err)
	assert.True(t, resumes)
	assert.True(t, second.Done("approve"))
	assert.False(t, second.Done("promote"), "a half-done step is looked at again")
}

func TestAJournalRefusesWhatWouldDoHarm(t *testing.T) {
	for name, c := range map[string]struct {
		state    State
		plan     string
		endpoint string
		mode     plan.Mode
		want     error
	}{
		"a plan that is done":            {Completed, "failover", "here", plan.Ungraceful, ErrDone},
		"another plan meanwhile":         {Paused, "failback", "here", plan.Ungraceful, ErrOtherPlan},
		"the same plan somewhere else":   {Paused, "failover", "there", plan.Ungraceful, ErrOtherPlan},
		"back from a loss to gracefully": {Paused, "failover", "here", plan.Graceful, ErrOtherPlan},
	} {
		j := &Journal{State: c.state, Plan: "failover", Target: "us-east-1", Endpoint: "here", Mode: plan.Ungraceful}
		_, err := j.Begin(c.plan, "us-east-1", c.endpoint, c.mode)
		assert.ErrorIs(t, err, c.want, name)
	}
}

func TestABrokenJournalIsNotTakenForNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err := Open(path)
	assert.ErrorContains(t, err, path)
	// and nobody is locked out by the refusal
	require.NoError(t, os.Remove(path))
	j, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, j.Close())
}

func TestEveryStateSaysWhatStandsAndWhatIsNext(t *testing.T) {
	for _, state := range []State{Running, Paused, Loss, Aborted, Completed} {
		assert.NotEqual(t, State("").Stands(), state.Stands(), state)
		assert.NotEqual(t, State("").Next(), state.Next(), state)
	}
}
