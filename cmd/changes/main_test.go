package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/changes"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

var today = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// directory holds one template of a stack "s" with a topic and a database that is
// kept for some days.
func directory(t *testing.T, days string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "s.template.json"), `{"Resources": {"Cluster": {"Type": "AWS::RDS::DBCluster", "DeletionPolicy": "Retain", "Properties": {"BackupRetentionPeriod": `+days+`}}}}`)
	return dir
}

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// classify runs the command in an empty directory, so that no file of the
// repository takes part, and returns its status and what it printed.
func classify(t *testing.T, arguments ...string) (status exit.Status, out, problems string) {
	t.Helper()
	t.Chdir(t.TempDir())
	return here(arguments...)
}

func here(arguments ...string) (status exit.Status, out, problems string) {
	var printed, complained bytes.Buffer
	status = cli.Run(context.Background(), newCommand(today), arguments, &printed, &complained)
	return status, printed.String(), complained.String()
}

// A workflow reads nothing but the status.
func TestTheExitStatusTellsWhetherAPersonMustDecide(t *testing.T) {
	before, more, fewer := directory(t, "7"), directory(t, "14"), directory(t, "1")
	for name, c := range map[string]struct {
		head, says string
		want       exit.Status
	}{
		"nothing changes": {before, "Nothing changes.", 0},
		"a safe change":   {more, "0 findings need an acknowledgement", 0},
		"a finding":       {fewer, "1 finding needs an acknowledgement", exit.Found},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, problems := classify(t, "--base", before, "--head", c.head)
			assert.Equal(t, c.want, status)
			assert.Contains(t, out, c.says)
			assert.Empty(t, problems)
		})
	}
}

func TestBadInputIsNamedAndIsNoVerdict(t *testing.T) {
	good, empty := directory(t, "7"), t.TempDir()
	broken := t.TempDir()
	put(t, filepath.Join(broken, "a.json"), "{")
	put(t, filepath.Join(broken, "b.json"), "[]")
	bad := filepath.Join(empty, "bad.yaml")
	put(t, bad, "acknowledged: [{stack: s}]")
	for name, c := range map[string]struct {
		arguments []string
		says      []string
	}{
		"no directories":      {nil, []string{"--base: want a directory", "--head: want a directory"}},
		"an unknown format":   {[]string{"--base", good, "--head", good, "--format", "xml"}, []string{`--format: want text, markdown or json, got "xml"`}},
		"an unknown flag":     {[]string{"--bas", good}, []string{"unknown flag"}},
		"an argument":         {[]string{good}, []string{"unknown command"}},
		"missing directories": {[]string{"--base", filepath.Join(good, "x"), "--head", filepath.Join(good, "y")}, []string{"/x:", "/y:"}},
		"nothing to deploy":   {[]string{"--base", good, "--head", t.TempDir()}, []string{"that would remove everything"}},
		"broken templates":    {[]string{"--base", broken, "--head", broken}, []string{"a.json: not a JSON object", "b.json: not a JSON object"}},
		"no such acknowledgements": {
			[]string{"--base", good, "--head", good, "--acknowledged", filepath.Join(empty, "none.yaml")}, []string{"none.yaml"},
		},
		"everything at once": {
			[]string{"--base", broken, "--head", filepath.Join(good, "y"), "--acknowledged", bad},
			[]string{"a.json", "b.json", "/y:", "bad.yaml", "verdict: want one of", "reason: want why", "changes: want the changes"},
		},
		"no place to write to": {[]string{"--base", good, "--head", good, "--output", filepath.Join(empty, "none", "x")}, []string{"none/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, problems := classify(t, c.arguments...)
			assert.Equal(t, exit.Refused, status)
			assert.Empty(t, out)
			for _, want := range c.says {
				assert.Contains(t, problems, want)
			}
		})
	}
}

func TestAReviewedFileLetsTheChangePass(t *testing.T) {
	before, fewer := directory(t, "7"), directory(t, "1")
	_, out, _ := classify(t, "--base", before, "--head", fewer)
	_, entries, found := strings.Cut(out, "To acknowledge, give the reasons:\n\n")
	require.True(t, found)
	content := strings.ReplaceAll(entries, `reason: ""`, "reason: the copy is elsewhere")

	// Named, and where the repository has it.
	path := filepath.Join(t.TempDir(), "mine.yaml")
	put(t, path, content)
	status, out, _ := classify(t, "--base", before, "--head", fewer, "--acknowledged", path)
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "acknowledged: the copy is elsewhere")
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir(".github", 0o700))
	put(t, changes.AcknowledgedFile, content)
	status, _, _ = here("--base", before, "--head", fewer)
	assert.Equal(t, exit.Done, status)

	// What it covers is gone: the file is out of date.
	status, out, _ = classify(t, "--base", before, "--head", before, "--acknowledged", path)
	assert.Equal(t, exit.Found, status)
	assert.Contains(t, out, "matches no change: remove it")

	// A deployment that was stopped after that change goes on, and accepts no other.
	status, out, _ = classify(t, "--base", before, "--head", before, "--acknowledged", path, "--resumed")
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "it is deployed")
	status, _, _ = classify(t, "--base", before, "--head", directory(t, "2"), "--acknowledged", path, "--resumed")
	assert.Equal(t, exit.Found, status)
}

func TestEachFormatGoesWhereItIsWanted(t *testing.T) {
	before, fewer := directory(t, "7"), directory(t, "1")
	for format, want := range map[string]string{"text": "VERDICT", "markdown": "| verdict |", "json": `"worst": "weakens"`} {
		t.Run(format, func(t *testing.T) {
			status, out, _ := classify(t, "--base", before, "--head", fewer, "--format", format)
			assert.Equal(t, exit.Found, status)
			assert.Contains(t, out, want)
			path := filepath.Join(t.TempDir(), "report")
			status, printed, _ := classify(t, "--base", before, "--head", fewer, "--format", format, "--output", path)
			assert.Equal(t, exit.Found, status)
			assert.Empty(t, printed)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, out, string(content))
		})
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	status, out, _ := classify(t, "--help")
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "--acknowledged")
}
