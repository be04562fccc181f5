package preflight

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/stacks"
)

// bootstrapParameter is where the bootstrap stack writes its version.
const bootstrapParameter = "/cdk-bootstrap/" + config.BootstrapQualifier + "/version"

// checkBootstrap looks whether both regions are prepared for this CDK. What it
// cannot read there nothing else can be read either, so it notes which regions
// the other checks may ask.
func (l *look) checkBootstrap(ctx context.Context) {
	for _, region := range []string{l.Env.Primary.Name, l.Env.Secondary.Name} {
		version, err := l.bootstrapVersion(ctx, region)
		want := 0
		for _, stack := range l.Stacks {
			if stack.Region == region {
				want = max(want, stack.BootstrapVersion)
			}
		}
		// Without the boundary's name the CLI takes it away from a region that has it.
		remedy := fmt.Sprintf("npx cdk bootstrap --custom-permissions-boundary %s aws://%s/%s",
			config.DeploymentBoundary(), l.Env.Site.Account, region)
		switch {
		case account.Code(err) == "ParameterNotFound":
			l.found.Problem("%s is not bootstrapped: %s", region, remedy)
		case account.Denied(err) && !l.Account.AsCaller():
			l.found.Problem("%s: %s\nEither the region is not bootstrapped (%s), or these credentials may not use its role for reading (--as-caller reads with your own permissions)", region, account.Explain(err), remedy)
		case err != nil:
			l.found.Problem("%s: %s", region, account.Explain(err))
		default:
			if version < want {
				l.found.Problem("%s has version %d of CDK's bootstrap, and the templates need %d: %s", region, version, want, remedy)
			}
			l.regions = append(l.regions, region)
		}
	}
}

func (l *look) bootstrapVersion(ctx context.Context, region string) (int, error) {
	answer, err := ssm.NewFromConfig(l.Account.Reading(region)).GetParameter(ctx, &ssm.GetParameterInput{Name: new(bootstrapParameter)})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(aws.ToString(answer.Parameter.Value))
}

// checkStacks looks at the state of each stack to be deployed, and waits for those at
// which CloudFormation works where that was asked for.
func (l *look) checkStacks(ctx context.Context) {
	for _, stack := range l.Selected {
		found, err := l.stacks.Settled(ctx, l.Console, stack, l.Wait)
		verdict, advice := stacks.Update, ""
		if err == nil {
			l.Live[stack.Name] = found
			verdict, advice, err = l.stacks.Judge(ctx, stack, found)
		}
		switch {
		case err != nil:
			l.found.Problem("%s: %s", stack.Name, account.Explain(err))
		case verdict == stacks.Wait || verdict == stacks.Refuse:
			l.found.Problem("%s is %s: %s", stack.Name, found.Status, advice)
		case found.Status == "ROLLBACK_COMPLETE":
			l.found.Note("%s is ROLLBACK_COMPLETE and nothing of it stayed: CDK deletes it and creates it anew", stack.Name)
		case found.Status == "UPDATE_ROLLBACK_COMPLETE":
			l.found.Note("%s is UPDATE_ROLLBACK_COMPLETE: the last update was taken back (%s)", stack.Name, found.Reason)
		case verdict == stacks.Create && found.Status != "":
			l.found.Note("%s is %s: the deployment goes on from there, without rollback", stack.Name, found.Status)
		}
	}
}

// checkNeeds refuses to deploy a single stack before those that it reads.
func (l *look) checkNeeds(ctx context.Context) {
	for _, stack := range l.Selected {
		for _, name := range stack.DependsOn {
			needed, known := l.Find(name)
			if !known || l.selects(name) {
				continue
			}
			found, err := l.stacks.Describe(ctx, needed.Region, name)
			switch {
			case err != nil:
				l.found.Problem("%s: %s", name, account.Explain(err))
			case !found.Exists():
				l.found.Problem("%s needs %s, which is not deployed: deploy it first (--stack %s)", stacks.Short(stack), name, stacks.Short(needed))
			}
		}
	}
}
