package changes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// today is the day of these tests.
var today = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// weakened is a report with one finding of two details.
func weakened(t *testing.T) Report {
	t.Helper()
	return compare(t, map[string]string{"s": resources(one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 35, "DeletionProtection": true`, retained))},
		map[string]string{"s": resources(one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 7, "DeletionProtection": false`, retained))})
}

// file writes a file of acknowledgements from the tool's own suggestion.
func file(report Report, reason, until string) string {
	content := "acknowledged:\n" + report.suggestions()
	content = strings.ReplaceAll(content, `reason: ""`, "reason: "+reason)
	if until != "" {
		content = strings.TrimRight(content, "\n") + "\n    until: \"" + until + "\"\n"
	}
	return content
}

func acknowledge(t *testing.T, report Report, content string) Report {
	t.Helper()
	read, err := ReadAcknowledgements([]byte(content))
	require.NoError(t, err)
	return read.Acknowledge(report, []string{"s"}, today)
}

func TestWhatTheToolSuggestsIsAcceptedOnlyWithAReason(t *testing.T) {
	report := weakened(t)
	require.Equal(t, 1, report.Open())
	_, err := ReadAcknowledgements([]byte(file(report, `""`, "")))
	require.ErrorContains(t, err, "reason: want why")
	accepted := acknowledge(t, report, file(report, "the load test is over", ""))
	assert.True(t, accepted.Passes())
	assert.Equal(t, []string{"the load test is over"}, accepted.Findings[0].Acknowledged)
	assert.Empty(t, accepted.Problems)
}

// An acknowledgement is of one change and not of a resource: whatever else happens
// to the resource later needs its own.
func TestAnAcknowledgementCoversNoLaterChange(t *testing.T) {
	content := file(weakened(t), "yes", "")
	further := compare(t, map[string]string{"s": resources(one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 35, "DeletionProtection": true`, retained))},
		map[string]string{"s": resources(one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 1, "DeletionProtection": false`, retained))})
	judged := acknowledge(t, further, content)
	assert.Equal(t, 1, judged.Open())
	require.Len(t, judged.Problems, 1, "the other number is no change here")
	assert.Contains(t, judged.Problems[0], "matches no change")
	worse := compare(t, map[string]string{"s": resources(one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 35`, deleted))}, map[string]string{"s": resources("")})
	assert.Equal(t, 1, acknowledge(t, worse, content).Open())
}

func TestAnAcknowledgementOfAnotherResourceCoversNothing(t *testing.T) {
	report := weakened(t)
	for from, to := range map[string]string{"resource: A": "resource: B", "stack: s": "stack: r", "verdict: weakens": "verdict: destroys"} {
		judged := acknowledge(t, report, strings.ReplaceAll(file(report, "yes", ""), from, to))
		assert.Equal(t, 1, judged.Open(), to)
	}
}

// Production may be some changes behind: its way is longer, and each step of it was
// acknowledged.
func TestTheAcknowledgementsOfSeveralChangesAddUp(t *testing.T) {
	step := func(days, protection string) map[string]string {
		return map[string]string{"s": resources(one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": `+days+`, "DeletionProtection": `+protection, retained))}
	}
	first, second := compare(t, step("35", "true"), step("7", "true")), compare(t, step("7", "true"), step("7", "false"))
	content := file(first, "one", "") + strings.TrimPrefix(file(second, "two", ""), "acknowledged:\n")
	both := acknowledge(t, compare(t, step("35", "true"), step("7", "false")), content)
	assert.True(t, both.Passes())
	assert.ElementsMatch(t, []string{"one", "two"}, both.Findings[0].Acknowledged)
}

func TestAnAcknowledgementThatMatchesNothingIsAProblem(t *testing.T) {
	content := file(weakened(t), "yes", "")
	nothing := compare(t, map[string]string{"s": resources("")}, map[string]string{"s": resources("")})
	judged := acknowledge(t, nothing, content)
	assert.Len(t, judged.Problems, 2, "each of its changes")
	assert.False(t, judged.Passes())
	// What is not compared cannot be missed.
	read, err := ReadAcknowledgements([]byte(content))
	require.NoError(t, err)
	judged = read.Acknowledge(nothing, []string{"another"}, today)
	assert.True(t, judged.Passes())
	assert.Len(t, judged.Notes, 2)
}

func TestAnAcknowledgementEnds(t *testing.T) {
	report := weakened(t)
	nothing := compare(t, map[string]string{"s": resources("")}, map[string]string{"s": resources("")})
	for until, c := range map[string]struct{ passes, mayStay bool }{
		"2026-11-25": {true, true}, // its last day
		"2026-12-31": {true, true},
		"2026-11-24": {false, false},
	} {
		t.Run(until, func(t *testing.T) {
			judged := acknowledge(t, report, file(report, "yes", until))
			assert.Equal(t, c.passes, judged.Passes())
			assert.Equal(t, c.passes, judged.Open() == 0, "what has ended covers nothing")
			left := acknowledge(t, nothing, file(report, "yes", until))
			assert.Equal(t, c.mayStay, left.Passes(), "for the environments that are yet to be deployed")
			if !c.mayStay {
				assert.Contains(t, left.Problems[0], "ended on "+until)
			}
		})
	}
}

func TestEverythingThatIsWrongWithTheFileIsReported(t *testing.T) {
	_, err := ReadAcknowledgements([]byte(`acknowledged:
  - {stack: "", verdict: destroys, changes: [0123456789ab], reason: r}
  - {stack: s, verdict: harmless, changes: [0123456789ac], reason: r}
  - {stack: s, verdict: safe, changes: [0123456789ad], reason: r}
  - {stack: s, verdict: widens, changes: [], reason: r}
  - {stack: s, verdict: widens, changes: [all], reason: r}
  - {stack: s, verdict: widens, changes: [0123456789ab], reason: "  "}
  - {stack: s, verdict: widens, changes: [0123456789ae], reason: r, until: tomorrow}
`))
	require.Error(t, err)
	for i, want := range []string{
		"stack: want the stack's name", `want one of destroys, orphans, unknown, refused, replaces, interrupts, enters, widens, weakens, traffic, safe, got "harmless"`,
		"what is safe needs no acknowledgement", "changes: want the changes", `want 12 hexadecimal digits, got "all"`, "reason: want why", "until: want a day",
	} {
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, fmt.Sprintf("acknowledged[%d]", i))
	}
	assert.ErrorContains(t, err, "0123456789ab is acknowledged twice")
	for name, content := range map[string]string{"an unknown key": "acknowledged:\n- {stak: s}", "no YAML": "acknowledged: {", "another form": "- a"} {
		_, err := ReadAcknowledgements([]byte(content))
		assert.Error(t, err, name)
	}
	for name, content := range map[string]string{"nothing": "", "a comment": "# none\n", "an empty list": "acknowledged: []\n"} {
		_, err := ReadAcknowledgements([]byte(content))
		assert.NoError(t, err, name)
	}
}
