package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/changes"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/schema"
)

// directory holds one template of a stack with a topic and a database that is
// kept for some days.
func directory(t *testing.T, days string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "wallet-staging-s.template.json"), `{"Resources": {"Cluster": {"Type": "AWS::RDS::DBCluster", "DeletionPolicy": "Retain", "Properties": {"BackupRetentionPeriod": `+days+`}}}}`)
	return dir
}

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// classify runs the command in a repository without acknowledgements and returns its
// status and what it printed.
func classify(t *testing.T, arguments ...string) (status exit.Status, out, problems string) {
	t.Helper()
	return classifyIn(t, t.TempDir(), arguments...)
}

func classifyIn(t *testing.T, root string, arguments ...string) (status exit.Status, out, problems string) {
	t.Helper()
	schemas, err := filepath.Abs("../../" + schema.Database)
	require.NoError(t, err)
	var printed, complained bytes.Buffer
	command := newCommand(strings.NewReader(""), false)
	given := append([]string{"--root", root, "staging", "changes", "--schemas", schemas}, arguments...)
	status = cli.Run(context.Background(), command, given, &printed, &complained)
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
			status, out, problems := classify(t, "--base", before, "--assembly", c.head)
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
		"no directory":        {nil, []string{"--base: want the directory, got none"}},
		"no synthesis":        {[]string{"--base", good}, []string{"/cdk.out: no such file"}},
		"an unknown flag":     {[]string{"--bas", good}, []string{"unknown flag"}},
		"an argument":         {[]string{good}, []string{"unknown command"}},
		"missing directories": {[]string{"--base", filepath.Join(good, "x"), "--assembly", filepath.Join(good, "y")}, []string{"/x:", "/y:"}},
		"nothing to deploy":   {[]string{"--base", good, "--assembly", t.TempDir()}, []string{"no template in it"}},
		"broken templates":    {[]string{"--base", broken, "--assembly", broken}, []string{"a.json: not a JSON object", "b.json: not a JSON object"}},
		"no such acknowledgements": {
			[]string{"--base", good, "--assembly", good, "--acknowledged", filepath.Join(empty, "none.yaml")}, []string{"none.yaml"},
		},
		"everything at once": {
			[]string{"--base", broken, "--assembly", filepath.Join(good, "y"), "--acknowledged", bad},
			[]string{"a.json", "b.json", "/y:", "bad.yaml", "verdict: want one of", "reason: want why", "changes: want the changes"},
		},
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
	_, out, _ := classify(t, "--base", before, "--assembly", fewer)
	_, entries, found := strings.Cut(out, "To acknowledge, give the reasons:\n\n")
	require.True(t, found)
	content := strings.ReplaceAll(entries, `reason: ""`, "reason: the copy is elsewhere")

	// Named, and where the repository has it.
	path := filepath.Join(t.TempDir(), "mine.yaml")
	put(t, path, content)
	status, out, _ := classify(t, "--base", before, "--assembly", fewer, "--acknowledged", path)
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "acknowledged: the copy is elsewhere")
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, ".github"), 0o700))
	put(t, filepath.Join(root, changes.AcknowledgedFile), content)
	status, _, _ = classifyIn(t, root, "--base", before, "--assembly", fewer)
	assert.Equal(t, exit.Done, status)

	// What it covers is gone: the file is out of date.
	status, out, _ = classify(t, "--base", before, "--assembly", before, "--acknowledged", path)
	assert.Equal(t, exit.Found, status)
	assert.Contains(t, out, "matches no change: remove it")

	// A deployment that was stopped after that change goes on, and accepts no other.
	status, out, _ = classify(t, "--base", before, "--assembly", before, "--acknowledged", path, "--resumed")
	assert.Equal(t, exit.Done, status)
	assert.Contains(t, out, "it is deployed")
	status, _, _ = classify(t, "--base", before, "--assembly", directory(t, "2"), "--acknowledged", path, "--resumed")
	assert.Equal(t, exit.Found, status)
}

func TestAReportIsForPeopleForACommentOrForAProgram(t *testing.T) {
	before, fewer := directory(t, "7"), directory(t, "1")
	for want, flags := range map[string][]string{"VERDICT": nil, "| what it does |": {"--markdown"}, `"worst": "weakens"`: {"--json"}} {
		status, out, _ := classify(t, append([]string{"--base", before, "--assembly", fewer}, flags...)...)
		assert.Equal(t, exit.Found, status)
		assert.Contains(t, out, want)
	}
}

// Another environment's stacks in the same synthesis are not new ones, and stacks of
// nobody are not passed over: they are what the environment's were called before.
func TestAnEnvironmentIsComparedWithItself(t *testing.T) {
	base, head := directory(t, "7"), directory(t, "7")
	topic := `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`
	put(t, filepath.Join(head, "wallet-production-x.template.json"), topic)
	status, out, _ := classify(t, "--base", base, "--assembly", head)
	assert.Equal(t, exit.Done, status, out)
	assert.NotContains(t, out, "wallet-production-x")
	put(t, filepath.Join(base, "purse-staging-x.template.json"), topic)
	_, out, _ = classify(t, "--base", base, "--assembly", head)
	assert.Contains(t, out, "purse-staging-x")
}
