package delivery

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
	"wallet-infra/internal/stacks"
)

// regions are those that the environment's stacks stand in.
func (s *Session) regions() []string { return []string{s.Env.Primary.Name, s.Env.Secondary.Name} }

// checkBootstrap looks whether both regions are prepared for this CDK. What it
// cannot read there nothing else can be read either, so it says which regions
// the other checks may ask.
func (s *Session) checkBootstrap(ctx context.Context, a Assembly, f *console.Findings) []string {
	var usable []string
	for _, region := range s.regions() {
		version, err := s.bootstrapVersion(ctx, region)
		want := requiredBootstrap(a, region)
		// Without the boundary's name the CLI takes it away from a region that has it.
		remedy := fmt.Sprintf("npx cdk bootstrap --custom-permissions-boundary %s aws://%s/%s",
			config.DeploymentBoundary(), s.Env.Site.Account, region)
		switch {
		case account.Code(err) == "ParameterNotFound":
			f.Problem("%s is not bootstrapped: %s", region, remedy)
		case err != nil && !s.account.AsCaller() && account.Denied(err):
			f.Problem("%s: %s\nEither the region is not bootstrapped (%s), or these credentials may not use its role for reading (--as-caller reads with your own permissions)", region, account.Explain(err), remedy)
		case err != nil:
			f.Problem("%s: %s", region, account.Explain(err))
		case version < want:
			f.Problem("%s has version %d of CDK's bootstrap, and the templates need %d: %s", region, version, want, remedy)
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
	answer, err := ssm.NewFromConfig(s.account.Reading(region)).GetParameter(ctx, &ssm.GetParameterInput{Name: new(bootstrapParameter)})
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
func (s *Session) checkStacks(ctx context.Context, selected []cfn.Stack, f *console.Findings) map[string]stacks.Live {
	seen := map[string]stacks.Live{}
	for _, stack := range selected {
		found, err := s.stacks.Settled(ctx, s.Console, stack, s.Wait)
		if err != nil {
			f.Problem("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		seen[stack.Name] = found
		verdict, advice, err := s.stacks.Judge(ctx, stack, found)
		switch {
		case err != nil:
			f.Problem("%s: %s", stack.Name, account.Explain(err))
		case verdict == stacks.Wait || verdict == stacks.Refuse:
			f.Problem("%s is %s: %s", stack.Name, found.Status, advice)
		case found.Status == "ROLLBACK_COMPLETE":
			f.Note("%s is ROLLBACK_COMPLETE and nothing of it stayed: CDK deletes it and creates it anew", stack.Name)
		case found.Status == "UPDATE_ROLLBACK_COMPLETE":
			f.Note("%s is UPDATE_ROLLBACK_COMPLETE: the last update was taken back (%s)", stack.Name, found.Reason)
		case verdict == stacks.Create && found.Status != "":
			f.Note("%s is %s: the deployment goes on from there, without rollback", stack.Name, found.Status)
		}
	}
	return seen
}

// checkNeeds refuses to deploy a single stack before those that it reads.
func (s *Session) checkNeeds(ctx context.Context, a Assembly, selected []cfn.Stack, f *console.Findings) {
	for _, stack := range selected {
		for _, name := range stack.DependsOn {
			needed, known := a.find(name)
			if !known || slices.ContainsFunc(selected, func(other cfn.Stack) bool { return other.Name == name }) {
				continue
			}
			found, err := s.stacks.Describe(ctx, needed.Region, name)
			switch {
			case err != nil:
				f.Problem("%s: %s", name, account.Explain(err))
			case !found.Exists():
				f.Problem("%s needs %s, which is not deployed: deploy it first (--stack %s)", stacks.Short(stack), name, stacks.Short(needed))
			}
		}
	}
}

// fargateQuota is the quota of vCPU that run at once on demand.
const fargateQuota = "L-3032A538"

// checkQuota asks whether both colours fit into the account's Fargate quota: the
// service stands twice while a version replaces another.
func (s *Session) checkQuota(ctx context.Context, regions []string, f *console.Findings) {
	need := float64(2*s.Env.Service.MaxTasks*s.Env.Service.CPU) / 1024
	if s.Env.Site.ImageTag == config.NoImage {
		return
	}
	for _, at := range s.services() {
		region := at.region
		if !slices.Contains(regions, region) {
			continue
		}
		answer, err := servicequotas.NewFromConfig(s.account.Reading(region)).GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
			ServiceCode: new("fargate"), QuotaCode: new(fargateQuota),
		})
		if err != nil {
			f.Problem("Fargate quota in %s: %s", region, account.Explain(err))
			continue
		}
		if have := aws.ToFloat64(answer.Quota.Value); have < need {
			f.Problem("Fargate quota in %s: %.0f vCPU, and %d tasks of both colours need %.0f: aws service-quotas request-service-quota-increase --region %s --service-code fargate --quota-code %s --desired-value %.0f",
				region, have, 2*s.Env.Service.MaxTasks, need, region, fargateQuota, need)
		}
	}
}

// checkAlarms refuses to change what is down for its users: a deployment's own
// alarms would take it back, and a change hides what happened.
func (s *Session) checkAlarms(ctx context.Context, despite bool, f *console.Findings) {
	name := s.Env.Names().AlarmName("outage")
	answer, err := cloudwatch.NewFromConfig(s.account.Reading(s.Env.Primary.Name)).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name},
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeCompositeAlarm, cwtypes.AlarmTypeMetricAlarm},
	})
	if err != nil {
		f.Problem("alarms: %s", account.Explain(err))
		return
	}
	for _, alarm := range answer.CompositeAlarms {
		if alarm.StateValue != cwtypes.StateValueAlarm {
			continue
		}
		if despite {
			f.Note("the alarm %s is in ALARM", name)
			continue
		}
		f.Problem("the alarm %s is in ALARM: see docs/RUNBOOK.md#outage; if this deployment is the remedy, add --despite-outage", name)
	}
}
