package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"wallet-infra/config"
)

// environmentList is a list of all environments in a workflow: of a job's matrix, or
// of what a person may choose.
var environmentList = regexp.MustCompile(`(?m)^( +(?:environment|options)): \[[a-z0-9, ]+\]$`)

// furtherJobs stands before the jobs that are copies.
const furtherJobs = "\n  # `make update` writes what follows from the jobs above, for config's other environments.\n"

// jobHead is the first line of a job.
var jobHead = regexp.MustCompile(`(?m)^  ([a-z][a-z0-9-]*):$`)

// withEnvironments is a workflow for the environments of config. Staging and
// production have jobs written by hand; a further one takes the way of the one that
// is as protected as itself.
func withEnvironments(t *testing.T, content string, environments []config.Environment) string {
	t.Helper()
	var names []string
	for _, env := range environments {
		names = append(names, env.Name)
	}
	content = environmentList.ReplaceAllString(content, "$1: ["+strings.Join(names, ", ")+"]")
	content, _, _ = strings.Cut(content, furtherJobs)
	jobs := jobTexts(content)
	if jobs["staging"] == "" {
		return content
	}
	var further strings.Builder
	for _, env := range environments {
		title := strings.ToUpper(env.Name[:1]) + env.Name[1:]
		switch {
		case env.Name == "staging" || env.Name == "production":
		case env.Protected:
			require.NotEmpty(t, jobs["review"])
			require.NotEmpty(t, jobs["production"])
			way := "\n" + strings.TrimRight(jobs["review"], "\n") + "\n\n" + strings.TrimRight(jobs["production"], "\n") + "\n"
			way = strings.NewReplacer("  review:\n", "  review-"+env.Name+":\n", "needs: review\n", "needs: review-"+env.Name+"\n",
				"production", env.Name, "Production", title).Replace(way)
			further.WriteString(way)
		default:
			way := "\n" + strings.TrimRight(jobs["staging"], "\n") + "\n"
			further.WriteString(strings.NewReplacer("staging", env.Name, "Staging", title).Replace(way))
		}
	}
	if further.Len() == 0 {
		return content
	}
	return content + furtherJobs + further.String()
}

// jobTexts are the texts of a workflow's jobs, by their IDs.
func jobTexts(content string) map[string]string {
	_, jobs, _ := strings.Cut(content, "\njobs:\n")
	heads := jobHead.FindAllStringSubmatchIndex(jobs, -1)
	texts := map[string]string{}
	for i, head := range heads {
		end := len(jobs)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		texts[jobs[head[2]:head[3]]] = jobs[head[0]:end]
	}
	return texts
}

func TestTheWorkflowsKnowTheEnvironmentsOfConfig(t *testing.T) {
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	lists := 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		lists += len(environmentList.FindAll(content, -1))
		want := withEnvironments(t, string(content), config.All())
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
			continue
		}
		assert.Equal(t, want, string(content), "%s: `make update` rewrites it", path)
	}
	assert.Equal(t, 4, lists, "a list of environments is written in a form that `make update` does not find")
}

// What is true of staging's and of production's jobs is true of their copies.
func TestAFurtherEnvironmentIsDeployedAsCarefullyAsItsLike(t *testing.T) {
	content, err := os.ReadFile("../.github/workflows/main.yml")
	require.NoError(t, err)
	two := []config.Environment{{Name: "staging"}, {Name: "production", Protected: true}}
	four := slices.Concat(two, []config.Environment{{Name: "sandbox"}, {Name: "bank", Protected: true}})
	text := withEnvironments(t, string(content), four)
	assert.Equal(t, text, withEnvironments(t, text, four), "a second `make update` writes something else")
	assert.Equal(t, withEnvironments(t, string(content), two), withEnvironments(t, text, two), "an environment that is gone leaves its jobs behind")
	var w workflow
	require.NoError(t, yaml.Unmarshal([]byte(text), &w))
	assert.Equal(t, "sandbox", w.Jobs["sandbox"].Environment)
	assert.Equal(t, "deploy-sandbox", w.Jobs["sandbox"].Concurrency.Group)
	assert.Equal(t, "check", w.Jobs["sandbox"].Needs)
	assert.Equal(t, "staging", w.Jobs["review-bank"].Needs)
	assert.Equal(t, "review-bank", w.Jobs["bank"].Needs)
	assert.Equal(t, "bank", w.Jobs["bank"].Environment, "nobody approves")
	copies := jobTexts(text)
	for name, like := range map[string]string{"sandbox": "staging", "bank": "production", "review-bank": "production"} {
		assert.NotContains(t, strings.ReplaceAll(copies[name], "needs: staging", ""), like, "%s acts on %s", name, like)
	}
}
