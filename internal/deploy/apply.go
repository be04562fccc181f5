package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/preflight"
	"wallet-infra/internal/rollout"
	"wallet-infra/internal/service"
	"wallet-infra/internal/stacks"
)

// step is the deployment of one stack.
type step struct {
	stack cfn.Stack
	// arguments are the CLI's, judged just before; [exit.Stale] ends the deployment
	// before the stack is touched.
	arguments func(context.Context) ([]string, error)
	// wanted is what must run afterwards.
	wanted func(context.Context) (approved, error)
	// deployed takes the stack as it is afterwards.
	deployed func(stacks.Live)
}

// cliArguments deploy one stack of an assembly, and nothing that it needs.
func cliArguments(stack cfn.Stack, plan preflight.Plan, method string, more ...string) []string {
	arguments := []string{"deploy", stack.ID, "--app", plan.Dir, "--exclusively", "--require-approval", "never", "--progress", "events", "--method=" + method}
	return append(arguments, more...)
}

// updates are the steps that deploy the selected stacks.
func (d Deployment) updates(plan preflight.Plan, force bool) []step {
	var steps []step
	after := map[string]stacks.Live{} // the stacks that this run deployed
	for _, stack := range plan.Selected {
		steps = append(steps, step{
			stack: stack,
			arguments: func(ctx context.Context) ([]string, error) {
				verdict, _, err := d.Stacks().Judge(ctx, stack, plan.Live[stack.Name])
				if err == nil {
					// The CLI leaves an object alone that has the right name.
					_, err = d.uploadedCode(ctx, stack, false)
				}
				arguments := cliArguments(stack, plan, "change-set")
				// What never stood whole keeps what stands when something fails: after a
				// rollback, retained resources with fixed names would stop the next attempt.
				if verdict == stacks.Create {
					arguments = append(arguments, "--no-rollback")
				}
				if force || readsChanged(stack, plan.Live, after) {
					arguments = append(arguments, "--force")
				}
				return arguments, err
			},
			wanted: func(ctx context.Context) (approved, error) {
				code, err := d.uploadedCode(ctx, stack, true)
				return approved{code, plan.Images}, err
			},
			deployed: func(found stacks.Live) { after[stack.Name] = found },
		})
	}
	return steps
}

// apply deploys one stack after the other.
func (d Deployment) apply(ctx context.Context, plan preflight.Plan, steps []step) error {
	var done []string
	for i, at := range steps {
		left := steps[i:]
		name := fmt.Sprintf("[%d/%d] %s (%s, %s)", i+1, len(steps), stacks.Short(at.stack), at.stack.Name, at.stack.Region)
		d.Console.Say("%s: begins", name)
		err := plan.Intact(at.stack)
		var arguments []string
		if err == nil {
			arguments, err = at.arguments(ctx)
		}
		if exit.Of(err) == exit.Stale {
			d.tell(done, left)
			return err
		}
		started := time.Now()
		if err == nil {
			err = d.run(ctx, at.stack, arguments)
		}
		var found stacks.Live
		if err == nil {
			found, err = d.Stacks().Describe(ctx, at.stack.Region, at.stack.Name)
		}
		if err != nil {
			return d.stopped(ctx, left, done, err)
		}
		d.Console.Say("%s: %s after %s", name, found.Status, time.Since(started).Round(time.Second))
		done = append(done, stacks.Short(at.stack))
		at.deployed(found)
		if err := d.verify(ctx, at); err != nil {
			d.tell(done, left[1:])
			return err
		}
	}
	d.printOutputs(ctx, plan.Selected)
	return nil
}

// run runs the CLI, and watches the service's own deployment where it is in the stack.
func (d Deployment) run(ctx context.Context, stack cfn.Stack, arguments []string) error {
	places := service.Places(d.Env)
	index := slices.IndexFunc(places, func(at service.Place) bool { return at.Stack == stack.Name })
	if index < 0 || len(stack.Template.OfType("AWS::ECS::Service")) == 0 {
		return d.CDK.Run(ctx, arguments...)
	}
	watch, err := rollout.Begin(ctx, d.Account, d.Env, d.Console, places[index])
	if err != nil {
		return fmt.Errorf("nothing was begun: %s", account.Explain(err))
	}
	return watch.During(ctx, func(ctx context.Context) error { return d.CDK.Run(ctx, arguments...) })
}

// tell lists what was deployed, and what was not begun.
func (d Deployment) tell(done []string, left []step) {
	var rest []string
	for _, at := range left {
		rest = append(rest, stacks.Short(at.stack))
	}
	d.Console.List("deployed:", done)
	d.Console.List("not begun:", rest)
}

// stopped tells where a deployment ended early and how it goes on.
func (d Deployment) stopped(ctx context.Context, left []step, done []string, cause error) error {
	looking, cancel := account.Afterwards(ctx)
	defer cancel()
	at, reader := left[0].stack, d.Stacks()
	d.tell(done, left[1:])
	found, err := reader.Describe(looking, at.Region, at.Name)
	switch {
	case err != nil:
		d.Console.Say("%s could not be looked at: %s", at.Name, account.Explain(err))
	case found.Status == "":
		d.Console.Say("%s does not exist", at.Name)
	default:
		d.Console.Say("%s is %s %s", at.Name, found.Status, found.Reason)
		d.Console.List("its events:", reader.Failures(looking, at))
		if verdict, advice, err := reader.Judge(looking, at, found); err == nil && verdict != stacks.Update && advice != "" {
			d.Console.Say("%s", advice)
		}
	}
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, "interrupted at %s: CloudFormation ends by itself what it began there. The same command goes on from there (with --wait 1h it waits for that first)", stacks.Short(at))
	}
	if why := d.outOfPause(looking, at, found); why != nil {
		return why
	}
	return exit.With(exit.Failed, "%s failed (%s). Correct the cause and run the same command: it goes on from there", stacks.Short(at), account.Explain(cause))
}

// cliChangeSet is the change set that the CDK CLI makes when it is told no name; it
// stays when the CLI refuses to execute it.
const cliChangeSet = "cdk-deploy-change-set"

// outOfPause explains a deployment that could not go on in a paused stack because it
// replaces something, or returns nil where that is not the reason. CloudFormation
// replaces nothing there, and the CLI then asks at a terminal whether to roll back first;
// it recognizes a replacement by its policy action, as this does. What rollback-stack
// does, and that it takes a stack away that never stood whole:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
func (d Deployment) outOfPause(ctx context.Context, stack cfn.Stack, found stacks.Live) error {
	if !found.Paused() {
		return nil
	}
	_, changes, err := d.Stacks().ChangeSet(ctx, stack.Region, stack.Name, cliChangeSet)
	if err != nil {
		return nil //nolint:nilerr // what cannot be looked up explains nothing, and the failure itself is told
	}
	var replaced []string
	for _, change := range changes {
		if strings.HasPrefix(string(change.PolicyAction), "ReplaceAnd") {
			replaced = append(replaced, fmt.Sprintf("%s %s", aws.ToString(change.ResourceType), aws.ToString(change.LogicalResourceId)))
		}
	}
	if len(replaced) == 0 {
		return nil
	}
	d.Console.List("would be replaced:", replaced)
	return exit.With(exit.Failed, "%s", stacks.Fill("STACK is "+string(found.Status)+", and CloudFormation replaces nothing there: the same command would stop again. "+
		"Take back what failed: aws cloudformation rollback-stack --retain-except-on-create --region REGION --stack-name STACK "+
		"(a stack that never stood whole goes with all that it made, except what is protected against deletion), wait for its end, and run the same command", stack))
}

// printOutputs shows what the stacks say of themselves, which holds no secret.
func (d Deployment) printOutputs(ctx context.Context, of []cfn.Stack) {
	for _, stack := range of {
		found, err := d.Stacks().Describe(ctx, stack.Region, stack.Name)
		if err != nil {
			d.Console.Say("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		var lines []string
		for _, key := range slices.Sorted(maps.Keys(found.Outputs)) {
			if _, declared := stack.Template.Outputs[key]; declared && !strings.HasPrefix(key, "PublishOutput") {
				lines = append(lines, key+" = "+found.Outputs[key])
			}
		}
		d.Console.List(stacks.Short(stack)+":", lines)
	}
}

// readsChanged says that one of the outputs a stack reads differs between two
// looks at the stacks that have them.
func readsChanged(stack cfn.Stack, before, after map[string]stacks.Live) bool {
	return slices.ContainsFunc(stack.Template.Reads(), func(to cfn.Reference) bool {
		later, looked := after[to.Stack]
		return looked && later.Outputs[to.Name] != before[to.Stack].Outputs[to.Name]
	})
}
