package delivery

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/progress"
)

// MigrateOptions are the choices of one run of the migration task.
type MigrateOptions struct {
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
func (o MigrateOptions) command() []string {
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

// Migrate runs the migration task, follows its log, and fails with the task's
// own exit status: [exit.SchemaTooNew] when the schema is too new for the release.
func (s *Session) Migrate(ctx context.Context, options MigrateOptions) error {
	if options.ImageTag == config.NoImage {
		return exit.With(exit.Refused, "--image-tag: want the tag of a release, got %q", options.ImageTag)
	}
	if err := s.identify(ctx); err != nil {
		return err
	}
	compute, err := s.stacks.Describe(ctx, s.Env.Primary.Name, s.Env.Names().StackName(computeStack))
	if err != nil {
		return account.Refused(err)
	}
	if compute.Outputs[config.OutputMigrationTask] == "" {
		return exit.With(exit.Refused, "%s has no migration task: it was not deployed, or without an image (image tag %s); deploy a release", s.Env.Name, config.NoImage)
	}
	if !options.Status {
		release, err := s.hold("migrate")
		if err != nil {
			return err
		}
		defer release()
		question := fmt.Sprintf("Run %q on the database of %s?", strings.Join(options.command(), " "), s.Env.Name)
		if err := s.Console.Approve(ctx, question, options.Yes); err != nil {
			return err
		}
	}
	return s.runMigration(ctx, compute.Outputs, options.ImageTag, options.command())
}

// runMigration runs one command of a release's migration image.
func (s *Session) runMigration(ctx context.Context, outputs map[string]string, tag string, command []string) error {
	definition, temporary, err := s.migrationTask(ctx, outputs[config.OutputMigrationTask], tag)
	if err != nil {
		return err
	}
	if temporary {
		defer s.forget(ctx, aws.ToString(definition.TaskDefinitionArn))
	}
	client := ecs.NewFromConfig(s.account.Writing(s.Env.Primary.Name))
	answer, err := client.RunTask(ctx, &ecs.RunTaskInput{
		Cluster:        new(outputs[config.OutputCluster]),
		TaskDefinition: definition.TaskDefinitionArn,
		LaunchType:     types.LaunchTypeFargate,
		StartedBy:      new("scripts/migrate.sh"),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets:        strings.Split(outputs[config.OutputMigrationSubnets], ","),
			SecurityGroups: []string{outputs[config.OutputMigrationSecurityGroup]},
			AssignPublicIp: types.AssignPublicIpDisabled,
		}},
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: new(config.MigrationContainer), Command: command}}},
	})
	switch {
	case err != nil:
		return account.Refused(err)
	case len(answer.Tasks) == 0:
		return exit.With(exit.Refused, "ECS started no task: %s", reasons(answer.Failures))
	}
	task := aws.ToString(answer.Tasks[0].TaskArn)
	s.Console.Say("task %s: migrate %s", lastPart(task), strings.Join(command, " "))
	return s.follow(ctx, outputs[config.OutputCluster], task, definition)
}

func reasons(failures []types.Failure) string {
	var all []string
	for _, failure := range failures {
		all = append(all, aws.ToString(failure.Reason))
	}
	return strings.Join(all, ", ")
}

// migrationTask is the deployed task definition or, for another release, a
// temporary copy of it with that release's image.
func (s *Session) migrationTask(ctx context.Context, deployed, tag string) (types.TaskDefinition, bool, error) {
	answer, err := s.ecs(s.Env.Primary.Name).DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &deployed})
	if err != nil {
		return types.TaskDefinition{}, false, account.Refused(err)
	}
	definition := *answer.TaskDefinition
	changed := false
	for i, container := range definition.ContainerDefinitions {
		image := aws.ToString(container.Image)
		if aws.ToString(container.Name) == config.MigrationContainer && tag != "" && tagOf(image) != tag {
			definition.ContainerDefinitions[i].Image = new(strings.TrimSuffix(image, ":"+tagOf(image)) + ":" + tag)
			for j, variable := range container.Environment {
				if aws.ToString(variable.Name) == config.MigrationRelease { // the database would remember one release by another's tag
					definition.ContainerDefinitions[i].Environment[j].Value = new(tag)
				}
			}
			changed = true
		}
	}
	if !changed {
		return definition, false, nil
	}
	var found console.Findings
	s.checkImage(ctx, s.Env.Primary.Name, s.Env.Names().MigrationsRepository(), tag, &found)
	if len(found.Problems) > 0 {
		return types.TaskDefinition{}, false, exit.With(exit.Refused, "%s", strings.Join(found.Problems, "\n"))
	}
	copied, err := ecs.NewFromConfig(s.account.Writing(s.Env.Primary.Name)).RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
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
		return types.TaskDefinition{}, false, account.Refused(err)
	}
	return *copied.TaskDefinition, true, nil
}

// forget takes back a temporary task definition; a task that runs keeps it.
func (s *Session) forget(ctx context.Context, definition string) {
	looking, cancel := afterwards(ctx)
	defer cancel()
	client := ecs.NewFromConfig(s.account.Writing(s.Env.Primary.Name))
	if _, err := client.DeregisterTaskDefinition(looking, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: &definition}); err != nil {
		s.Console.Say("the temporary task definition %s stays: %s", lastPart(definition), account.Explain(err))
	}
}

// pollTask is how often the task and its log are looked at.
const pollTask = 3 * time.Second

// follow prints the task's log until it has ended, and turns its exit status
// into the command's.
func (s *Session) follow(ctx context.Context, cluster, task string, definition types.TaskDefinition) error {
	defer progress.Doing(ctx, "waiting for task %s", lastPart(task))()
	log := s.logOf(task, definition)
	for {
		answer, err := s.ecs(s.Env.Primary.Name).DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{task}})
		if err == nil {
			err = log.print(ctx)
		}
		if err == nil && len(answer.Tasks) == 0 {
			err = fmt.Errorf("ECS does not know the task any more")
		}
		if err == nil && aws.ToString(answer.Tasks[0].LastStatus) == "STOPPED" {
			return s.ended(ctx, log, answer.Tasks[0])
		}
		if err == nil {
			err = poll.Sleep(ctx, pollTask)
		}
		if interrupted(ctx) {
			return exit.With(exit.Interrupted, "interrupted: task %s goes on by itself; look with scripts/migrate.sh %s --status when it has ended", lastPart(task), s.Env.Name)
		}
		if err != nil {
			return exit.With(exit.Failed, "%s; task %s goes on by itself", account.Explain(err), lastPart(task))
		}
	}
}

// ended reports a stopped task.
func (s *Session) ended(ctx context.Context, log *taskLog, task types.Task) error {
	// CloudWatch Logs shows the last lines a moment after the task has stopped.
	if err := poll.Sleep(ctx, pollTask); err == nil {
		if err := log.print(ctx); err != nil {
			s.Console.Say("the log's end could not be read: %s", account.Explain(err))
		}
	}
	for _, container := range task.Containers {
		if aws.ToString(container.Name) != config.MigrationContainer || container.ExitCode == nil {
			continue
		}
		switch status := exit.OfMigration(int(*container.ExitCode)); status {
		case exit.Done:
			s.Console.Say("the migration task ended well")
			return nil
		case exit.SchemaTooNew:
			return exit.With(status, "the schema is too new for this release: a migration since then removed what its code needs. Nothing was changed. Go forward with a newer release")
		case exit.HalfWay:
			return exit.With(status, "a migration stopped half-way: compare the schema with its statement, then scripts/migrate.sh %s --repair --version N with --applied or --not-applied", s.Env.Name)
		case exit.Locked:
			return exit.With(status, "another migration held the lock all the time: nothing was changed; run this again when it has ended")
		case exit.Contract:
			return exit.With(status, "a migration would remove what the release that serves now may need: deploy the release that no longer needs it first")
		case exit.Failed: // killed or crashed: no answer of the program's
			return exit.With(status, "the migration task ended with exit status %d, which its program does not have: a statement may still run on the server; scripts/migrate.sh %s --status tells", *container.ExitCode, s.Env.Name)
		default:
			return exit.With(status, "the migration task ended with exit status %d: read its log above; scripts/migrate.sh %s --status shows the schema", status, s.Env.Name)
		}
	}
	return exit.With(exit.Failed, "the migration task never ran: %s", aws.ToString(task.StoppedReason))
}

// taskLog is the log of the migration container, read to a point.
type taskLog struct {
	session       *Session
	group, stream string
	next          *string
}

// logOf finds the log from the task definition's own log driver.
func (s *Session) logOf(task string, definition types.TaskDefinition) *taskLog {
	log := &taskLog{session: s}
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
	client := cloudwatchlogs.NewFromConfig(l.session.account.Reading(l.session.Env.Primary.Name))
	for {
		page, err := client.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &l.group, LogStreamName: &l.stream, StartFromHead: new(true), NextToken: l.next,
		})
		if account.Code(err) == (&logtypes.ResourceNotFoundException{}).ErrorCode() {
			return nil
		}
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			l.session.Console.Say("  | %s", strings.TrimRight(aws.ToString(event.Message), "\n"))
		}
		if aws.ToString(page.NextForwardToken) == aws.ToString(l.next) {
			return nil
		}
		l.next = page.NextForwardToken
	}
}

// lastPart is what follows the last slash of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
