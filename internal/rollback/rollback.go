// Package rollback returns an environment to an earlier release.
package rollback

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/migrate"
	"wallet-infra/internal/service"
)

// Options are the choices of a return to an earlier release.
type Options struct {
	// To is the release to return to; empty finds the one before the present.
	To string
	// TrustHook leaves the schema check to the deployment's own hook, which runs it
	// before a task starts: for callers that may not run the migration task.
	TrustHook bool
	Yes       bool // do not ask
}

// rollback is one return, by one deployment.
type rollback struct {
	deploy.Deployment
	service service.Service
}

// Run stops a deployment that is under way, or else checks the schema and deploys the
// release before the present one.
func Run(ctx context.Context, with cdk.Session, options Options) error {
	if _, err := account.Choose(with.Env.Name, options.To); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	end, err := with.Begin(ctx, "rollback")
	if err != nil {
		return err
	}
	defer end()
	at := service.Primary(with.Env)
	r := rollback{deploy.Deployment{Session: with}, service.At(with.Account, with.Env, at)}
	compute, err := with.Stacks().Describe(ctx, at.Region, at.Stack)
	if err != nil {
		return account.Refused(err)
	}
	if compute.Outputs[config.OutputService] == "" {
		return exit.With(exit.Refused, "%s has no service that was deployed", with.Env.Name)
	}
	underWay, err := r.service.Releases(ctx, service.UnderWay...)
	if err != nil {
		return account.Refused(err)
	}
	if len(underWay) > 0 {
		return r.stop(ctx, underWay[0], options.Yes)
	}
	tag, err := r.target(ctx, options.To)
	if err != nil {
		return err
	}
	if r.Env, err = account.Choose(r.Env.Name, tag); err != nil {
		return err
	}
	if err := r.checkSchema(ctx, compute.Outputs, tag, options.TrustHook); err != nil {
		return err
	}
	if err := r.Release(ctx, deploy.Options{ImageTag: tag, Yes: options.Yes, DespiteOutage: true}); err != nil {
		return err
	}
	r.Console.Say("%s runs %s; put the tag into Site.ImageTag, or the next deployment brings the other release back", r.Env.Name, tag)
	return nil
}

// stop lets ECS take back what it is doing.
func (r rollback) stop(ctx context.Context, running service.Release, yes bool) error {
	if slices.Contains(service.GoingBack, running.Status) {
		r.Console.Say("ECS is already taking back release %s (%s): go tool wallet %s status shows its end", running.Tag, running.Status, r.Env.Name)
		return nil
	}
	question := fmt.Sprintf("A deployment of release %s is under way (%s). Stop it, and let ECS return to the release before?", running.Tag, running.Status)
	if err := r.Console.Approve(ctx, question, yes); err != nil {
		return err
	}
	if _, err := ecs.NewFromConfig(r.Account.Writing(r.service.Region)).StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: &running.ARN, StopType: types.StopServiceDeploymentStopTypeRollback,
	}); err != nil {
		return account.Refused(err)
	}
	r.Console.Say("stopped: ECS returns to the release before, and CloudFormation takes back its own update; go tool wallet %s status shows both", r.Env.Name)
	return nil
}

// target is the release to return to.
func (r rollback) target(ctx context.Context, to string) (string, error) {
	history, err := r.service.Releases(ctx, types.ServiceDeploymentStatusSuccessful)
	if err != nil {
		return "", account.Refused(err)
	}
	now, before := service.Previous(history)
	switch {
	case to != "" && to == now:
		return "", exit.With(exit.Refused, "release %s runs already", to)
	case to != "":
		before = to
	case before == "":
		var known []string
		for _, one := range history {
			known = append(known, one.Tag)
		}
		return "", exit.With(exit.Refused, "ECS remembers no release before %q: name one with --to (releases: %q)", now, slices.Compact(slices.Sorted(slices.Values(known))))
	}
	r.Console.Say("from release %s to release %s", now, before)
	return before, nil
}

// checkSchema runs the earlier release's own program against the database: it
// knows which schema its code can live with.
func (r rollback) checkSchema(ctx context.Context, outputs map[string]string, tag string, trustHook bool) error {
	task := migrate.New(r.Session, outputs)
	if trustHook || !task.Deployed() {
		r.Console.Say("the schema is checked by the deployment's own hook, before a task of %s starts", tag)
		return nil
	}
	if err := task.Run(ctx, tag, "check"); err != nil {
		return fmt.Errorf("release %s was not deployed: %w", tag, err)
	}
	return nil
}
