// Package migrate runs a release's migration task in an environment's network, follows
// its log, and ends with its exit status.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/progress"
	"wallet-infra/internal/service"
)

// Options are the choices of one run of the migration task.
type Options struct {
	// ImageTag is the release whose migrations run; empty takes the deployed one's.
	ImageTag string
	// Status only reports; Repair clears the mark of the migration Version, which
	// stopped half-way, after a person saw whether it is Applied in the schema.
	Status, Repair bool
	Version        int
	Applied        bool
	Yes            bool // do not ask
}

// command is what the migration program is told.
func (o Options) command() []string {
	switch {
	case o.Status:
		return []string{"status"}
	case o.Repair && o.Applied:
		return []string{"repair", "--version", strconv.Itoa(o.Version), "--applied"}
	case o.Repair:
		return []string{"repair", "--version", strconv.Itoa(o.Version), "--not-applied"}
	}
	return []string{"up"}
}

// Task is the migration task of an environment.
type Task struct {
	cdk.Session
	outputs map[string]string // of the stack that holds the task
	tasks   *ecs.Client       // with the caller's permissions
	looks   *ecs.Client
	logs    *cloudwatchlogs.Client
}

// New is the migration task of the service's stack, which has these outputs.
func New(with cdk.Session, outputs map[string]string) Task {
	reading := with.Account.Reading(with.Env.Primary.Name)
	return Task{Session: with, outputs: outputs, tasks: ecs.NewFromConfig(with.Account.Writing(with.Env.Primary.Name)),
		looks: ecs.NewFromConfig(reading), logs: cloudwatchlogs.NewFromConfig(reading)}
}

// Deployed says that the environment has the task.
func (t Task) Deployed() bool { return t.outputs[config.OutputMigrationTask] != "" }

// Run signs in and runs the migration task, and fails with the task's own exit status:
// [exit.SchemaTooNew] when the schema is too new for the release.
func Run(ctx context.Context, with cdk.Session, options Options) error {
	if err := with.Account.SignIn(ctx, with.Console); err != nil {
		return err
	}
	at := service.Primary(with.Env)
	compute, err := with.Stacks().Describe(ctx, at.Region, at.Stack)
	if err != nil {
		return account.Refused(err)
	}
	task := New(with, compute.Outputs)
	if !task.Deployed() {
		return exit.With(exit.Refused, "%s has no migration task: it was not deployed; deploy a release", with.Env.Name)
	}
	if !options.Status {
		release, err := with.Lock("migrate")
		if err != nil {
			return err
		}
		defer release()
		question := fmt.Sprintf("Run %q on the database of %s?", strings.Join(options.command(), " "), with.Env.Name)
		if err := with.Console.Approve(ctx, question, options.Yes); err != nil {
			return err
		}
	}
	return task.Run(ctx, options.ImageTag, options.command()...)
}

// Run runs one command of a release's migration image; an empty tag is the deployed
// release's.
func (t Task) Run(ctx context.Context, tag string, command ...string) error {
	definition, temporary, err := t.definition(ctx, tag)
	if err != nil {
		return account.Refused(err)
	}
	if temporary {
		defer t.forget(ctx, aws.ToString(definition.TaskDefinitionArn))
	}
	answer, err := t.tasks.RunTask(ctx, &ecs.RunTaskInput{
		Cluster:        new(t.outputs[config.OutputCluster]),
		TaskDefinition: definition.TaskDefinitionArn,
		LaunchType:     types.LaunchTypeFargate,
		StartedBy:      new("wallet migrate"),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets:        strings.Split(t.outputs[config.OutputMigrationSubnets], ","),
			SecurityGroups: []string{t.outputs[config.OutputMigrationSecurityGroup]},
			AssignPublicIp: types.AssignPublicIpDisabled,
		}},
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: new(config.MigrationContainer), Command: command}}},
	})
	if err != nil {
		return account.Refused(err)
	}
	if len(answer.Tasks) == 0 {
		var reasons []string
		for _, failure := range answer.Failures {
			reasons = append(reasons, aws.ToString(failure.Reason))
		}
		return exit.With(exit.Refused, "ECS started no task: %s", strings.Join(reasons, ", "))
	}
	task := aws.ToString(answer.Tasks[0].TaskArn)
	t.Console.Say("task %s: migrate %s", lastPart(task), strings.Join(command, " "))
	return t.follow(ctx, task, t.logOf(task, definition))
}

// definition is the deployed task definition or, for another release, a temporary copy
// of it with that release's image.
func (t Task) definition(ctx context.Context, tag string) (types.TaskDefinition, bool, error) {
	answer, err := t.looks.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: new(t.outputs[config.OutputMigrationTask])})
	if err != nil {
		return types.TaskDefinition{}, false, err
	}
	definition := *answer.TaskDefinition
	if tag == "" || !retag(definition.ContainerDefinitions, tag) {
		return definition, false, nil
	}
	env := t.Env
	env.Site.ImageTag = tag
	var found console.Findings
	look := images.Look{Account: t.Account, Env: env, Found: &found}
	look.Release(ctx, env.Primary.Name, env.Names().MigrationsRepository())
	if problems := slices.Concat(found.Problems, look.Missing); len(problems) > 0 {
		return types.TaskDefinition{}, false, exit.With(exit.Refused, "the release's migrations cannot run: %s", strings.Join(problems, "\n"))
	}
	copied, err := t.tasks.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		// A family of its own: the deployed family's newest revision stays the
		// deployed one.
		Family:                  new(aws.ToString(definition.Family) + "-by-hand"),
		ContainerDefinitions:    definition.ContainerDefinitions,
		Cpu:                     definition.Cpu,
		Memory:                  definition.Memory,
		NetworkMode:             definition.NetworkMode,
		RequiresCompatibilities: definition.RequiresCompatibilities,
		RuntimePlatform:         definition.RuntimePlatform,
		EphemeralStorage:        definition.EphemeralStorage,
		Volumes:                 definition.Volumes,
		ExecutionRoleArn:        definition.ExecutionRoleArn,
		TaskRoleArn:             definition.TaskRoleArn,
	})
	if err != nil {
		return types.TaskDefinition{}, false, err
	}
	return *copied.TaskDefinition, true, nil
}

// retag gives the migration's container another release's image, and says whether that
// is another one.
func retag(containers []types.ContainerDefinition, tag string) (changed bool) {
	for i, container := range containers {
		image := aws.ToString(container.Image)
		if was := service.TagOf(image); aws.ToString(container.Name) == config.MigrationContainer && was != tag {
			containers[i].Image = new(strings.TrimSuffix(image, ":"+was) + ":" + tag)
			for j, variable := range container.Environment {
				if aws.ToString(variable.Name) == config.MigrationRelease { // the database would remember one release by another's tag
					containers[i].Environment[j].Value = new(tag)
				}
			}
			changed = true
		}
	}
	return changed
}

// forget takes back a temporary task definition; a task that runs keeps it.
func (t Task) forget(ctx context.Context, definition string) {
	looking, cancel := account.Afterwards(ctx)
	defer cancel()
	if _, err := t.tasks.DeregisterTaskDefinition(looking, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &definition}); err != nil {
		t.Console.Say("the temporary task definition %s stays: %s", lastPart(definition), account.Explain(err))
	}
}

// pollTask is how often the task and its log are looked at.
const pollTask = 3 * time.Second

// longestTask is when following ends; the task goes on.
const longestTask = 24 * time.Hour

// follow prints the task's log until it has ended, and turns its exit status
// into the command's.
func (t Task) follow(ctx context.Context, task string, log *taskLog) error {
	defer progress.Doing(ctx, "waiting for task %s", lastPart(task))()
	var stopped types.Task
	err := poll.Until(ctx, pollTask, longestTask, func() (bool, error) {
		answer, err := t.looks.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: new(t.outputs[config.OutputCluster]), Tasks: []string{task}})
		if err == nil {
			err = log.print(ctx)
		}
		if err == nil && len(answer.Tasks) == 0 {
			err = errors.New("ECS does not know the task any more")
		}
		if err != nil {
			return false, err
		}
		stopped = answer.Tasks[0]
		return aws.ToString(stopped.LastStatus) == "STOPPED", nil
	})
	switch {
	case ctx.Err() != nil:
		return exit.With(exit.Interrupted, "interrupted: task %s goes on by itself; look with go tool wallet %s migrate --status when it has ended", lastPart(task), t.Env.Name)
	case err != nil:
		return exit.With(exit.Failed, "%s; task %s goes on by itself", account.Explain(err), lastPart(task))
	}
	// CloudWatch Logs shows the last lines a moment after the task has stopped.
	if err := poll.Sleep(ctx, pollTask); err == nil {
		if err := log.print(ctx); err != nil {
			t.Console.Say("the log's end could not be read: %s", account.Explain(err))
		}
	}
	return t.ended(stopped)
}

// ended reports a stopped task.
func (t Task) ended(task types.Task) error {
	for _, container := range task.Containers {
		if aws.ToString(container.Name) != config.MigrationContainer || container.ExitCode == nil {
			continue
		}
		switch status := exit.OfMigration(int(*container.ExitCode)); status {
		case exit.Done:
			t.Console.Say("the migration task ended well")
			return nil
		case exit.SchemaTooNew:
			return exit.With(status, "the schema is too new for this release: a migration since then removed what its code needs. Nothing was changed. Go forward with a newer release")
		case exit.HalfWay:
			return exit.With(status, "a migration stopped half-way: compare the schema with its statement, then go tool wallet %s migrate --repair --version N with --applied or --not-applied", t.Env.Name)
		case exit.Locked:
			return exit.With(status, "another migration held the lock all the time: nothing was changed; run this again when it has ended")
		case exit.Contract:
			return exit.With(status, "a migration would remove what the release that serves now may need: deploy the release that no longer needs it first")
		case exit.Failed: // killed or crashed: no answer of the program's
			return exit.With(status, "the migration task ended with exit status %d, which its program does not have: a statement may still run on the server; go tool wallet %s migrate --status tells", *container.ExitCode, t.Env.Name)
		default:
			return exit.With(status, "the migration task ended with exit status %d: read its log above; go tool wallet %s migrate --status shows the schema", status, t.Env.Name)
		}
	}
	return exit.With(exit.Failed, "the migration task never ran: %s", aws.ToString(task.StoppedReason))
}

// taskLog is the log of the migration container, read to a point.
type taskLog struct {
	logs          *cloudwatchlogs.Client
	to            console.Console
	group, stream string
	next          *string
}

// logOf finds the log from the task definition's own log driver.
func (t Task) logOf(task string, definition types.TaskDefinition) *taskLog {
	log := &taskLog{logs: t.logs, to: t.Console}
	for _, container := range definition.ContainerDefinitions {
		if aws.ToString(container.Name) == config.MigrationContainer && container.LogConfiguration != nil {
			options := container.LogConfiguration.Options
			log.group = options["awslogs-group"]
			log.stream = strings.Join([]string{options["awslogs-stream-prefix"], config.MigrationContainer, lastPart(task)}, "/")
		}
	}
	return log
}

// print writes what came since the last time. A stream that is not there yet is
// an empty one.
func (l *taskLog) print(ctx context.Context) error {
	if l.group == "" {
		return nil
	}
	for {
		page, err := l.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &l.group, LogStreamName: &l.stream, StartFromHead: new(true), NextToken: l.next,
		})
		if account.Code(err) == "ResourceNotFoundException" {
			return nil
		}
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			l.to.Say("  | %s", strings.TrimRight(aws.ToString(event.Message), "\n"))
		}
		if aws.ToString(page.NextForwardToken) == aws.ToString(l.next) {
			return nil
		}
		l.next = page.NextForwardToken
	}
}

// lastPart is what follows the last slash of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
