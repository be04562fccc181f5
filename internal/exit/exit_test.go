package exit

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNoStatusHasTwoMeanings(t *testing.T) {
	numbers, meanings := map[Status]bool{}, map[string]bool{}
	last := Status(-1)
	for _, row := range Table {
		assert.False(t, numbers[row.Status], "%d stands twice", row.Status)
		assert.False(t, meanings[row.Meaning], "%q stands twice", row.Meaning)
		assert.Greater(t, row.Status, last)
		numbers[row.Status], meanings[row.Meaning], last = true, true, row.Status
	}
}

// A shell's own statuses (126, 127, 128 and a signal's number) say nothing of a
// command: https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html
func TestNoStatusIsAShellsOwn(t *testing.T) {
	for _, row := range Table {
		assert.True(t, row.Status < 126 || row.Status == Interrupted, row.Status)
	}
}

func TestAMigrationThatWasKilledIsNotTakenForARefusal(t *testing.T) {
	for code, want := range map[int]Status{
		0: Done, 3: SchemaTooNew, 4: HalfWay, 5: Locked, 6: Contract, 7: MigrationFailed, 8: MigrationInvalid, 9: ReadOnly,
		1: Failed, 2: Failed, 10: Failed, 12: Failed, 130: Failed, 137: Failed,
	} {
		assert.Equal(t, want, OfMigration(code), code)
	}
}

func TestTheStatusOfAnErrorSurvivesWhatIsSaidAroundIt(t *testing.T) {
	inner := With(Stale, "old: %w", context.Canceled)
	assert.Equal(t, Stale, Of(fmt.Errorf("around: %w", inner)))
	assert.Equal(t, Interrupted, Of(fmt.Errorf("around: %w", context.Canceled)))
	assert.Equal(t, Refused, Of(errors.New("bad input")))
	assert.Equal(t, Done, Of(nil))
}
