package newenv

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"wallet-infra/config"
)

// environmentList is a list of all environments in a workflow: of a job's matrix, or
// of what a person may choose.
var environmentList = regexp.MustCompile(`(?m)^( +(?:environment|options)): \[[a-z0-9, ]+\]$`)

// furtherJobs stands before the jobs that are copies.
const furtherJobs = "\n  # `make update` writes what follows from the jobs above, for config's other environments.\n"

// byHand are the environments whose jobs are written by hand.
var byHand = []string{"staging", "production"}

// jobHead is the first line of a job.
var jobHead = regexp.MustCompile(`(?m)^  ([a-z][a-z0-9-]*):$`)

// Workflow is a workflow for some environments. Staging and production have jobs
// written by hand; a further one takes the way of the one that is as protected as
// itself. It fails where there is no such way.
func Workflow(content string, environments []config.Environment) (string, error) {
	var names []string
	for _, env := range environments {
		names = append(names, env.Name)
	}
	content = environmentList.ReplaceAllString(content, "$1: ["+strings.Join(names, ", ")+"]")
	content, _, _ = strings.Cut(content, furtherJobs)
	jobs := jobTexts(content)
	if jobs["staging"] == "" {
		return content, nil
	}
	var further strings.Builder
	for _, env := range environments {
		if slices.Contains(byHand, env.Name) {
			continue
		}
		like, jobsOf := strings.NewReplacer("staging", env.Name, "Staging", title(env.Name)), []string{"staging"}
		if env.Protected {
			like, jobsOf = strings.NewReplacer("  review:\n", "  review-"+env.Name+":\n", "needs: review\n", "needs: review-"+env.Name+"\n",
				"production", env.Name, "Production", title(env.Name)), []string{"review", "production"}
		}
		for _, id := range jobsOf {
			if jobs[id] == "" {
				return "", fmt.Errorf("no job %s, which %s would be deployed like", id, env.Name)
			}
			further.WriteString(like.Replace("\n" + strings.TrimRight(jobs[id], "\n") + "\n"))
		}
	}
	if further.Len() == 0 {
		return content, nil
	}
	return content + furtherJobs + further.String(), nil
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
