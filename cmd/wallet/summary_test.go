package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/exit"
)

// clean is the report of a validation that found nothing.
const clean = `{"pluginReports": [{"violations": []}]}`

// stack writes one stack's entry in a manifest.
func stack(id string) string {
	name := "wallet-" + strings.ToLower(strings.ReplaceAll(id, "/", "-"))
	return fmt.Sprintf(`%q: {"type": "aws:cloudformation:stack", "environment": "aws://1/sa-east-1", "displayName": %q,
		"properties": {"templateFile": "%s.json", "stackName": %q}}`, name, id, name, name)
}

// resources is a template with a number of resources.
func resources(count int) string {
	var list []string
	for i := range count {
		list = append(list, fmt.Sprintf(`"R%d": {"Type": "AWS::SNS::Topic"}`, i))
	}
	return `{"Resources": {` + strings.Join(list, ",") + `}}`
}

// summarized runs the command on an assembly with these templates, by the stacks'
// IDs, and a validation report; an empty one is not written.
func summarized(t *testing.T, templates map[string]string, report string, flags ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	var entries []string
	for id, template := range templates {
		entries = append(entries, stack(id))
		write("wallet-"+strings.ToLower(strings.ReplaceAll(id, "/", "-"))+".json", template)
	}
	write("manifest.json", `{"artifacts": {`+strings.Join(entries, ",")+`}}`)
	if report != "" {
		write("validation-report.json", report)
	}
	return call("", false, append([]string{"staging", "summary", "--assembly", dir}, flags...)...)
}

func TestTheSummaryListsEveryStackWithItsSize(t *testing.T) {
	out, err := summarized(t, map[string]string{
		"Production/Data": resources(3), "Staging/Data": resources(2), "Staging/Network": resources(1),
	}, clean)
	require.NoError(t, err)
	assert.NotContains(t, out, "Production", "another environment's")
	assert.Regexp(t, `(?m)^Staging/Data +sa-east-1 +2 +0 *$`, out)
	assert.Regexp(t, `(?m)^Staging/Network +sa-east-1 +1 +0 *$`, out)
	assert.Contains(t, out, "RESOURCES of 500")
	assert.Contains(t, out, "TEMPLATE KB of 1000")
	assert.Regexp(t, `(?m)^2 stacks +3 *$`, out)
	assert.Contains(t, out, "no open finding")
	assert.Contains(t, out, "Next: make test, then, with credentials, go tool wallet staging deploy --dry-run")
}

func TestAStackThatCloudFormationWouldRefuseFailsTheSummary(t *testing.T) {
	for name, c := range map[string]struct {
		template string
		over     bool
	}{
		"as many resources as it takes": {resources(500), false},
		"one resource too many":         {resources(501), true},
		"as many bytes as it takes":     {resources(1) + strings.Repeat(" ", 1_000_000-len(resources(1))), false},
		"one byte too many":             {resources(1) + strings.Repeat(" ", 1_000_001-len(resources(1))), true},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := summarized(t, map[string]string{"Staging/Data": c.template, "Staging/Network": resources(1)}, clean)
			assert.Contains(t, out, "Staging/Data")
			assert.Contains(t, out, "Staging/Network", "the others are still listed")
			if !c.over {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "Staging/Data is over a limit of CloudFormation")
			assert.Equal(t, exit.CheckFailed, exit.Of(err), "a synthesis that was judged is no mistyped flag")
			assert.NotContains(t, out, "Next:")
		})
	}
}

func TestAnOpenFindingFailsTheSummary(t *testing.T) {
	out, err := summarized(t, map[string]string{"Staging/Data": resources(1)}, `{"pluginReports": [{"violations": [
		{"ruleName": "F1", "description": "first", "severity": "error", "violatingConstructs": [{"constructPath": "Staging/Data/A"}]},
		{"ruleName": "F2", "description": "second", "severity": "error", "violatingConstructs": [{"constructPath": "Staging/Data/B"}]}]}]}`)
	require.EqualError(t, err, "error F1: first (Staging/Data/A)\nerror F2: second (Staging/Data/B)")
	assert.NotContains(t, out, "no open finding")
	assert.NotContains(t, out, "Next:")
}

func TestASummaryIsReadByPrograms(t *testing.T) {
	templates := map[string]string{"Staging/Data": resources(501), "Production/Data": resources(1)}
	out, err := summarized(t, templates, clean, "--json")
	assert.Equal(t, exit.CheckFailed, exit.Of(err))
	var read struct {
		Environment string
		Stacks      []struct {
			Name      string
			Resources int
		}
		Problems []string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &read), out)
	assert.Equal(t, "staging", read.Environment)
	require.Len(t, read.Stacks, 1)
	assert.Equal(t, "wallet-staging-data", read.Stacks[0].Name)
	assert.Equal(t, 501, read.Stacks[0].Resources)
	assert.Equal(t, []string{"Staging/Data is over a limit of CloudFormation"}, read.Problems)
	out, err = summarized(t, templates, "", "--list")
	require.NoError(t, err)
	assert.Regexp(t, `^sa-east-1 wallet-staging-data \S+/wallet-staging-data.json\n$`, out)
}

func TestASummaryOfNothingIsAFailure(t *testing.T) {
	_, err := summarized(t, map[string]string{"Staging/Data": resources(1)}, "")
	require.ErrorContains(t, err, "validation-report.json", "validation did not run")
	_, err = summarized(t, nil, clean)
	require.ErrorContains(t, err, "no stack")
	_, err = call("", false, "staging", "summary", "--assembly", t.TempDir())
	require.ErrorContains(t, err, "no cloud assembly")
}
