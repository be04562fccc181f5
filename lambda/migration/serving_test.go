package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"wallet-infra/lambda/internal/awsfake"
	"wallet-infra/lambda/internal/hook"
)

// told are the releases that the task was told of, after the words before them.
func (p *platform) told() string {
	command := []string{}
	for _, word := range p.only().Command {
		command = append(command, word.(string))
	}
	return strings.Join(command, " ")
}

// ECS answers what runs now: after a rollback that it made by itself, the release
// before the one that was deployed last.
func TestTheTaskIsToldWhatServesByECSAndNotByTheLastDeployment(t *testing.T) {
	const up = "up --give-up-after 10m0s"
	third := strings.Replace(blue, "/1", "/3", 1)
	for name, row := range map[string]struct {
		change func(*platform)
		want   string
	}{
		"one release":                                   {func(*platform) {}, up + " --serving 1.4.0"},
		"two releases":                                  {func(p *platform) { p.Sources = []string{third, blue}; p.Images[third] = registry + "1.3.0" }, up + " --serving 1.3.0 --serving 1.4.0"},
		"a source that is not written yet":              {func(p *platform) { p.Sources = nil }, up + " --serving 1.4.0"},
		"a service that is not written yet":             {func(p *platform) { p.Current = []string{} }, up + " --serving 1.4.0"},
		"the first deployment":                          {func(p *platform) { p.Sources, p.Current = nil, []string{green} }, up + " --serving none"},
		"the same release again":                        {func(p *platform) { p.Images[blue] = registry + "1.5.0" }, up + " --serving 1.5.0"},
		"an image by tag and digest":                    {func(p *platform) { p.Images[blue] += "@sha256:" + strings.Repeat("0", 64) }, up + " --serving 1.4.0"},
		"an image without a tag":                        {func(p *platform) { p.Images[blue] = strings.TrimSuffix(registry, ":") }, up},
		"a container of another name":                   {func(p *platform) { p.handler.serviceContainer = "another" }, up},
		"a revision that ECS no longer knows":           {func(p *platform) { delete(p.Images, blue) }, up},
		"ECS does not answer":                           {func(p *platform) { p.Refuse = refusing("DescribeServiceRevisions") }, up},
		"the deployment is not known for some time":     {func(p *platform) { p.Late = time.Minute }, up + " --serving 1.4.0"},
		"the deployment's target is not written at all": {func(p *platform) { p.Target = "" }, up},
	} {
		p := newPlatform(t)
		row.change(p)
		p.Started = func(task *awsfake.MigrationTask) { p.Exit(task, 0) }
		assert.Equal(t, hook.Succeeded, p.deploy(), name)
		assert.Equal(t, row.want, p.told(), name)
	}
}

// refusing answers one operation with a fault.
func refusing(operation string) func(string, http.ResponseWriter) bool {
	return func(asked string, w http.ResponseWriter) bool {
		if asked == operation {
			awsfake.RefuseWith(w, 500, "ServerException", "service unavailable")
		}
		return asked == operation
	}
}

// The region that waits serves after a failover, on the same schema.
func TestAContractIsHeldAgainstTheOtherRegionsReleaseToo(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*awsfake.Migrations)
		want   string
	}{
		"another release": {func(f *awsfake.Migrations) { f.Images[blue] = registry + "1.2.0"; f.Current = []string{blue} }, "--serving 1.2.0 --serving 1.4.0"},
		"a release on its way": {func(f *awsfake.Migrations) { f.Images[blue], f.Images[green] = registry+"1.2.0", registry+"1.3.0" },
			"--serving 1.2.0 --serving 1.3.0 --serving 1.4.0"},
		"no service":            {func(f *awsfake.Migrations) { f.Current = nil }, "--serving 1.4.0"},
		"a region that is away": {func(f *awsfake.Migrations) { f.Refuse = refusing("DescribeServices") }, "--give-up-after 10m0s"},
	} {
		p := newPlatform(t)
		there, api := awsfake.NewMigrations(t, func() time.Time { return p.clock })
		p.handler.other, p.handler.otherCluster, p.handler.otherService = api, cluster, service
		row.change(there)
		p.Started = func(task *awsfake.MigrationTask) { p.Exit(task, 0) }
		assert.Equal(t, hook.Succeeded, p.deploy(), name)
		assert.True(t, strings.HasSuffix(p.told(), row.want), "%s: %s", name, p.told())
	}
}

func TestManyRevisionsAreAskedForInParts(t *testing.T) {
	p := newPlatform(t)
	p.Sources = nil
	for i := range 45 {
		arn := strings.Replace(blue, "/1", "/many"+strings.Repeat("x", i), 1)
		p.Sources, p.Images[arn] = append(p.Sources, arn), registry+"1.4.0"
	}
	p.Started = func(task *awsfake.MigrationTask) { p.Exit(task, 0) }
	assert.Equal(t, hook.Succeeded, p.deploy())
	assert.Equal(t, 3, p.Calls["DescribeServiceRevisions"])
}

// Each call of AWS may be the last that the function gets an answer to: whether the
// answer is lost, or the function ends, the next call goes on, and nothing is done
// twice.
func TestAnInterruptionAfterAnyCallChangesNothingTwice(t *testing.T) {
	for _, operation := range []string{"DescribeServiceDeployments", "DescribeServices", "DescribeServiceRevisions", "RunTask", "DescribeTasks", "StopTask"} {
		for _, ends := range []bool{false, true} {
			p := newPlatform(t)
			done := false
			p.After = func(asked string) bool { // the request was done, and its answer lost
				lost := asked == operation && !done
				done = done || lost
				return lost
			}
			if ends { // all that this call had to remember is lost too
				p.forgets = true
			}
			status := p.deploy(func() {
				for _, task := range p.Tasks {
					if task.LastStatus == "PROVISIONING" {
						p.Start(task)
					}
					if operation != "StopTask" && task.LastStatus == "RUNNING" && p.Calls["DescribeTasks"] > 3 {
						p.Exit(task, 0)
					}
				}
			})
			assert.True(t, done, operation)
			assert.Len(t, p.Tasks, 1, operation)
			if operation == "StopTask" {
				assert.Equal(t, hook.Failed, status)
				assert.Contains(t, p.log(), "nothing is half-done")
			} else {
				assert.Equal(t, hook.Succeeded, status, "%s: %s", operation, p.log())
			}
		}
	}
}

// Lambda kills a function at its deadline, and ECS sees no reason.
func TestAFunctionWithoutTimeAnswersAndGoesOnLater(t *testing.T) {
	p := newPlatform(t)
	hangs := make(chan struct{})
	defer close(hangs)
	p.Refuse = func(string, http.ResponseWriter) bool { <-hangs; return true }
	ctx, cancel := context.WithTimeout(t.Context(), reserve+100*time.Millisecond)
	defer cancel()
	answer, err := p.handler.handle(ctx, p.event)
	assert.NoError(t, err)
	assert.NoError(t, ctx.Err())
	assert.Equal(t, hook.InProgress, answer.Status, p.log())
	assert.NotEmpty(t, answer.Details[sinceKey], "it would never give up")
}
