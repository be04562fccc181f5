package delivery

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/progress"
)

// findings is what the look before a change brought: problems, which stop it,
// and notes, which a person should know.
type findings struct {
	problems, notes []string
}

func (f *findings) problem(format string, arguments ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, arguments...))
}

func (f *findings) note(format string, arguments ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, arguments...))
}

// regions are those that the environment's stacks stand in.
func (s *Session) regions() []string { return []string{s.Env.Primary.Name, s.Env.Secondary.Name} }

// checkBootstrap looks whether both regions are prepared for this CDK. What it
// cannot read there nothing else can be read either, so it says which regions
// the other checks may ask.
func (s *Session) checkBootstrap(ctx context.Context, a Assembly, f *findings) []string {
	var usable []string
	for _, region := range s.regions() {
		version, err := s.bootstrapVersion(ctx, region)
		want := requiredBootstrap(a, region)
		// Without the boundary's name the CLI takes it away from a region that has it.
		remedy := fmt.Sprintf("npx cdk bootstrap --custom-permissions-boundary %s aws://%s/%s",
			config.DeploymentBoundary(), s.Env.Site.Account, region)
		switch {
		case code(err) == "ParameterNotFound":
			f.problem("%s is not bootstrapped: %s", region, remedy)
		case err != nil && !s.account.asCaller && denied[code(err)]:
			f.problem("%s: %s\nEither the region is not bootstrapped (%s), or these credentials may not use its role for reading (--as-caller reads with your own permissions)", region, explain(err), remedy)
		case err != nil:
			f.problem("%s: %s", region, explain(err))
		case version < want:
			f.problem("%s has version %d of CDK's bootstrap, and the templates need %d: %s", region, version, want, remedy)
			usable = append(usable, region)
		default:
			usable = append(usable, region)
		}
	}
	return usable
}

// bootstrapParameter is where the bootstrap stack writes its version.
const bootstrapParameter = "/cdk-bootstrap/" + config.BootstrapQualifier + "/version"

func (s *Session) bootstrapVersion(ctx context.Context, region string) (int, error) {
	answer, err := ssm.NewFromConfig(s.account.reading(region)).GetParameter(ctx, &ssm.GetParameterInput{Name: new(bootstrapParameter)})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(aws.ToString(answer.Parameter.Value))
}

// requiredBootstrap is the version that the region's stacks ask for.
func requiredBootstrap(a Assembly, region string) int {
	required := 0
	for _, stack := range a.Stacks {
		if stack.Region == region {
			required = max(required, stack.BootstrapVersion)
		}
	}
	return required
}

// checkStacks looks at the state of each stack to be deployed, and waits for
// those at which CloudFormation works where that was asked for. It returns what
// it saw.
func (s *Session) checkStacks(ctx context.Context, selected []cfn.Stack, f *findings) map[string]live {
	seen := map[string]live{}
	for _, stack := range selected {
		found, err := s.settled(ctx, stack)
		if err != nil {
			f.problem("%s: %s", stack.Name, explain(err))
			continue
		}
		seen[stack.Name] = found
		verdict, advice, err := s.judge(ctx, stack, found)
		switch {
		case err != nil:
			f.problem("%s: %s", stack.Name, explain(err))
		case verdict == wait || verdict == refuse:
			f.problem("%s is %s: %s", stack.Name, found.Status, advice)
		case found.Status == "ROLLBACK_COMPLETE":
			f.note("%s is ROLLBACK_COMPLETE and nothing of it stayed: CDK deletes it and creates it anew", stack.Name)
		case found.Status == "UPDATE_ROLLBACK_COMPLETE":
			f.note("%s is UPDATE_ROLLBACK_COMPLETE: the last update was taken back (%s)", stack.Name, found.Reason)
		case verdict == goOnFirst && found.Status != "":
			f.note("%s is %s: the deployment goes on from there, without rollback", stack.Name, found.Status)
		}
	}
	return seen
}

// pollStacks is how often a stack at work is looked at.
const pollStacks = 15 * time.Second

// settled describes a stack, after waiting for what CloudFormation does with it
// for at most s.Wait.
func (s *Session) settled(ctx context.Context, stack cfn.Stack) (live, error) {
	waited := time.Duration(0)
	for {
		found, err := s.describe(ctx, stack.Region, stack.Name)
		if err != nil || states[status(found)].verdict != wait || waited >= s.Wait {
			return found, err
		}
		if waited == 0 {
			s.Console.say("waiting for %s, which is %s", stack.Name, found.Status)
			defer progress.Doing(ctx, "waiting for %s", stack.Name)()
		}
		if err := s.Sleep(ctx, pollStacks); err != nil {
			return live{}, err
		}
		waited += pollStacks
	}
}

// checkNeeds refuses to deploy a single stack before those that it reads.
func (s *Session) checkNeeds(ctx context.Context, a Assembly, selected []cfn.Stack, f *findings) {
	for _, stack := range selected {
		for _, name := range stack.DependsOn {
			needed, known := a.find(name)
			if !known || slices.ContainsFunc(selected, func(other cfn.Stack) bool { return other.Name == name }) {
				continue
			}
			found, err := s.describe(ctx, needed.Region, name)
			switch {
			case err != nil:
				f.problem("%s: %s", name, explain(err))
			case !found.exists():
				f.problem("%s needs %s, which is not deployed: deploy it first (--stack %s)", short(stack), name, short(needed))
			}
		}
	}
}

// fargateQuota is the quota of vCPU that run at once on demand.
const fargateQuota = "L-3032A538"

// checkQuota asks whether both colours fit into the account's Fargate quota: the
// service stands twice while a version replaces another.
func (s *Session) checkQuota(ctx context.Context, regions []string, f *findings) {
	need := float64(2*s.Env.Service.MaxTasks*s.Env.Service.CPU) / 1024
	if s.Env.Site.ImageTag == config.NoImage {
		return
	}
	for _, at := range s.services() {
		region := at.region
		if !slices.Contains(regions, region) {
			continue
		}
		answer, err := servicequotas.NewFromConfig(s.account.reading(region)).GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
			ServiceCode: new("fargate"), QuotaCode: new(fargateQuota),
		})
		if err != nil {
			f.problem("Fargate quota in %s: %s", region, explain(err))
			continue
		}
		if have := aws.ToFloat64(answer.Quota.Value); have < need {
			f.problem("Fargate quota in %s: %.0f vCPU, and %d tasks of both colours need %.0f: aws service-quotas request-service-quota-increase --region %s --service-code fargate --quota-code %s --desired-value %.0f",
				region, have, 2*s.Env.Service.MaxTasks, need, region, fargateQuota, need)
		}
	}
}

// checkAlarms refuses to change what is down for its users: a deployment's own
// alarms would take it back, and a change hides what happened.
func (s *Session) checkAlarms(ctx context.Context, despite bool, f *findings) {
	name := s.Env.Names().AlarmName("outage")
	answer, err := cloudwatch.NewFromConfig(s.account.reading(s.Env.Primary.Name)).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name},
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeCompositeAlarm, cwtypes.AlarmTypeMetricAlarm},
	})
	if err != nil {
		f.problem("alarms: %s", explain(err))
		return
	}
	for _, alarm := range answer.CompositeAlarms {
		if alarm.StateValue != cwtypes.StateValueAlarm {
			continue
		}
		if despite {
			f.note("the alarm %s is in ALARM", name)
			continue
		}
		f.problem("the alarm %s is in ALARM: see docs/RUNBOOK.md#outage; if this deployment is the remedy, add --despite-outage", name)
	}
}
