package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/exit"
)

// RollbackOptions are the choices of a return to an earlier release.
type RollbackOptions struct {
	// To is the release to return to; empty finds the one before the present.
	To string
	// TrustHook leaves the schema check to the deployment's own hook, which runs it
	// before a task starts: for callers that may not run the migration task.
	TrustHook bool
	Yes       bool // do not ask
}

// Rollback returns to an earlier release: it stops a deployment that is under
// way, or else checks the schema and deploys the release before the present one.
func (s *Session) Rollback(ctx context.Context, options RollbackOptions) error {
	if _, err := Select(s.Env.Name, options.To); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if options.To == config.NoImage {
		return exit.With(exit.Refused, "--to: want the tag of a release, got %q", options.To)
	}
	release, err := s.hold("rollback")
	if err != nil {
		return err
	}
	defer release()
	if err := s.identify(ctx); err != nil {
		return err
	}
	compute, err := s.stacks.Describe(ctx, s.Env.Primary.Name, s.Env.Names().StackName(computeStack))
	if err != nil {
		return account.Refused(err)
	}
	if compute.Outputs[config.OutputService] == "" {
		return exit.With(exit.Refused, "%s has no service that was deployed", s.Env.Name)
	}
	underWay, err := s.releases(ctx, compute.Outputs, deploymentsUnderWay)
	if err != nil {
		return account.Refused(err)
	}
	if len(underWay) > 0 {
		return s.stopDeployment(ctx, underWay[0], options.Yes)
	}
	tag, err := s.target(ctx, compute.Outputs, options.To)
	if err != nil {
		return err
	}
	if s.Env, err = Select(s.Env.Name, tag); err != nil {
		return err
	}
	if err := s.checkSchema(ctx, compute.Outputs, tag, options.TrustHook); err != nil {
		return err
	}
	deploy := DeployOptions{ImageTag: tag, Yes: options.Yes, DespiteOutage: true, onlyRelease: true}
	if err := s.Deploy(ctx, deploy); err != nil {
		return err
	}
	s.Console.Say("%s runs %s; put the tag into Site.ImageTag, or the next deployment brings the other release back", s.Env.Name, tag)
	return nil
}

// goingBack are the states of a deployment that is being taken back.
var goingBack = []types.ServiceDeploymentStatus{
	types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusStopRequested,
}

// stopDeployment lets ECS take back what it is doing.
func (s *Session) stopDeployment(ctx context.Context, running release, yes bool) error {
	if slices.Contains(goingBack, running.Status) {
		s.Console.Say("ECS is already taking back release %s (%s): scripts/status.sh %s shows its end", running.Tag, running.Status, s.Env.Name)
		return nil
	}
	question := fmt.Sprintf("A deployment of release %s is under way (%s). Stop it, and let ECS return to the release before?", running.Tag, running.Status)
	if err := s.Console.Approve(ctx, question, yes); err != nil {
		return err
	}
	client := ecs.NewFromConfig(s.account.Writing(s.Env.Primary.Name))
	if _, err := client.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &running.ARN, StopType: types.StopServiceDeploymentStopTypeRollback,
	}); err != nil {
		return account.Refused(err)
	}
	s.Console.Say("stopped: ECS returns to the release before, and CloudFormation takes back its own update; scripts/status.sh %s shows both", s.Env.Name)
	return nil
}

// target is the release to return to.
func (s *Session) target(ctx context.Context, outputs map[string]string, to string) (string, error) {
	history, err := s.releases(ctx, outputs, []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusSuccessful})
	if err != nil {
		return "", account.Refused(err)
	}
	now, before := previous(history)
	switch {
	case to != "" && to == now:
		return "", exit.With(exit.Refused, "release %s runs already", to)
	case to != "":
		before = to
	case before == "":
		return "", exit.With(exit.Refused, "ECS remembers no release before %q: name one with --to (releases: %q)", now, tags(history))
	}
	s.Console.Say("from release %s to release %s", now, before)
	return before, nil
}

// tags are the distinct tags of a history.
func tags(history []release) []string {
	found := map[string]bool{}
	for _, one := range history {
		found[one.Tag] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// checkSchema runs the earlier release's own program against the database: it
// knows which schema its code can live with.
func (s *Session) checkSchema(ctx context.Context, outputs map[string]string, tag string, trustHook bool) error {
	if trustHook || outputs[config.OutputMigrationTask] == "" {
		s.Console.Say("the schema is checked by the deployment's own hook, before a task of %s starts", tag)
		return nil
	}
	if err := s.runMigration(ctx, outputs, tag, []string{"check"}); err != nil {
		return fmt.Errorf("release %s was not deployed: %w", tag, err)
	}
	return nil
}
