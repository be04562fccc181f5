package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/service"
)

// checkTraffic refuses to deploy into a service whose traffic is not in one
// colour, is being moved, or would be moved by the pending template. A standby
// must be as sound: it takes everything when the first region is lost.
func (l *look) checkTraffic(ctx context.Context, at service.Place) {
	compute, err := l.stacks.Describe(ctx, at.Region, at.Stack)
	if err != nil {
		l.found.Problem("%s: %s", at.Stack, account.Explain(err))
		return
	}
	if !compute.Exists() {
		return
	}
	if compute.Outputs[config.OutputProductionRule] == "" {
		l.found.Note("%s has no output %s (its deployment is not whole yet): the traffic was not checked", at.Stack, config.OutputProductionRule)
		return
	}
	wallet := service.At(l.Account, l.Env, at)
	seen, err := wallet.Traffic(ctx, compute.Outputs)
	if err == nil {
		err = l.checkIdle(ctx, wallet)
	}
	if err != nil {
		l.found.Problem("traffic of %s: %s", at.Stack, account.Explain(err))
		return
	}
	l.judgeTraffic(at, seen)
	l.checkPendingRule(at, seen.Weights)
}

// stopDeployment is the command that stops a deployment; rollback returns the first
// region's service alone.
func (l *look) stopDeployment(at service.Place, arn string) string {
	if at.Region == l.Env.Primary.Name {
		return fmt.Sprintf("go tool wallet %s rollback", l.Env.Name)
	}
	return fmt.Sprintf("aws ecs stop-service-deployment --region %s --service-deployment-arn %s --stop-type ROLLBACK", at.Region, arn)
}

// checkIdle refuses beside a deployment of the service.
func (l *look) checkIdle(ctx context.Context, wallet service.Service) error {
	underWay, err := wallet.Deployments(ctx, service.UnderWay...)
	for _, deployment := range underWay {
		l.found.Problem("%s: a deployment of the service is under way (%s): wait for its end, or stop it with %s",
			wallet.Stack, deployment.Status, l.stopDeployment(wallet.Place, aws.ToString(deployment.ServiceDeploymentArn)))
	}
	return err
}

func (l *look) judgeTraffic(at service.Place, seen service.Traffic) {
	switch unhealthy := seen.Healthy == 0 && seen.Desired > 0; {
	case seen.Live() == "":
		l.found.Problem("%s: the production rule's weights are %s: exactly one colour must carry all the traffic. A deployment is shifting it, or one ended badly: %s, or put the weights right by hand (docs/RUNBOOK.md#traffic-in-the-wrong-place)",
			at.Stack, seen.Weights, l.stopDeployment(at, "ARN"))
	case unhealthy && l.DespiteOutage:
		l.found.Note("%s: %s carries all the traffic and has no healthy target", at.Stack, seen.Live())
	case unhealthy:
		l.found.Problem("%s: %s carries all the traffic and has no healthy target, of %d tasks that should run: see docs/DEPLOYMENT.md#troubleshooting before something new is added; if this deployment is the remedy, add --despite-outage", at.Stack, seen.Live(), seen.Desired)
	}
}

// checkPendingRule looks whether the template touches the production rule.
// CloudFormation leaves a rule alone whose properties did not change; when they
// did, it writes the template's weights over those that ECS set.
func (l *look) checkPendingRule(at service.Place, seen service.Weights) {
	pending, known := l.Find(at.Stack)
	if !known {
		return
	}
	id := outputTarget(pending.Template, config.OutputProductionRule)
	touched := slices.ContainsFunc(l.Report.TrafficRules(), func(found changes.Finding) bool {
		return found.Stack == at.Stack && found.Resource == id
	})
	if wanted := templateWeights(pending.Template, id); touched && !maps.Equal(wanted, seen) {
		l.found.Problem("%s: the template changes the production rule (%s), which would set the weights to %s while they are %s: bring the traffic to the template's colour with one more deployment of the running release, or leave the rule as it is",
			at.Stack, id, wanted, seen)
	}
}

// outputTarget is the logical ID of the resource that an output refers to.
func outputTarget(template cfn.Template, output string) string {
	id, _ := cfn.Lookup(template.Outputs[output].Value, "Ref").(string)
	return id
}

// templateWeights are the weights by colour that a template gives to a rule.
func templateWeights(template cfn.Template, rule string) service.Weights {
	weights := service.Weights{}
	for _, action := range cfn.List(template.Resources[rule].Properties["Actions"]) {
		for _, group := range cfn.List(cfn.Lookup(action, "ForwardConfig", "TargetGroups")) {
			id, _ := cfn.Lookup(group, "TargetGroupArn", "Ref").(string)
			weight, _ := cfn.Number(cfn.Lookup(group, "Weight"))
			for output, colour := range service.Colours {
				if id != "" && id == outputTarget(template, output) {
					weights[colour] += int(weight)
				}
			}
		}
	}
	return weights
}

// fargateQuota is the quota of vCPU that run at once on demand.
const fargateQuota = "L-3032A538"

// checkQuota asks whether both colours fit into the account's Fargate quota: the
// service stands twice while a version replaces another.
func (l *look) checkQuota(ctx context.Context) {
	tasks := 2 * l.Env.Service.MaxTasks
	need := float64(tasks*l.Env.Service.CPU) / 1024
	for _, at := range service.Places(l.Env) {
		if !slices.Contains(l.regions, at.Region) {
			continue
		}
		answer, err := servicequotas.NewFromConfig(l.Account.Reading(at.Region)).GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
			ServiceCode: new("fargate"), QuotaCode: new(fargateQuota),
		})
		if err != nil {
			l.found.Problem("Fargate quota in %s: %s", at.Region, account.Explain(err))
			continue
		}
		if have := aws.ToFloat64(answer.Quota.Value); have < need {
			l.found.Problem("Fargate quota in %s: %.0f vCPU, and %d tasks of both colours need %.0f: aws service-quotas request-service-quota-increase --region %s --service-code fargate --quota-code %s --desired-value %.0f",
				at.Region, have, tasks, need, at.Region, fargateQuota, need)
		}
	}
}

// checkAlarms refuses to change what is down for its users: a deployment's own
// alarms would take it back, and a change hides what happened.
func (l *look) checkAlarms(ctx context.Context) {
	name := l.Env.Names().AlarmName("outage")
	answer, err := cloudwatch.NewFromConfig(l.Account.Reading(l.Env.Primary.Name)).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name},
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		l.found.Problem("alarms: %s", account.Explain(err))
		return
	}
	for _, alarm := range answer.CompositeAlarms {
		switch {
		case alarm.StateValue != cwtypes.StateValueAlarm:
		case l.DespiteOutage:
			l.found.Note("the alarm %s is in ALARM", name)
		default:
			l.found.Problem("the alarm %s is in ALARM: see docs/RUNBOOK.md#outage; if this deployment is the remedy, add --despite-outage", name)
		}
	}
}
