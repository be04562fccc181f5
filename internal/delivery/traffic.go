package delivery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/console"
	"wallet-infra/internal/stacks"
)

// traffic is who answers the users at this moment.
type traffic struct {
	weights  map[string]int // by colour, of the production rule
	healthy  int            // targets of the colour that carries everything
	desired  int            // tasks that the service wants
	running  int
	underWay []ecstypes.ServiceDeploymentBrief
}

// colours are the two target groups' names, by the output that names each.
var colours = map[string]string{config.OutputBlueTargets: "blue", config.OutputGreenTargets: "green"}

// live is the colour that carries everything, or empty where none does.
func (t traffic) live() string {
	var carrying []string
	for _, colour := range slices.Sorted(maps.Keys(t.weights)) {
		if t.weights[colour] > 0 {
			carrying = append(carrying, colour)
		}
	}
	if len(carrying) != 1 {
		return ""
	}
	return carrying[0]
}

func (t traffic) String() string {
	return fmt.Sprintf("blue %d, green %d", t.weights["blue"], t.weights["green"])
}

// deploymentsUnderWay are the states of an ECS deployment that has not ended.
var deploymentsUnderWay = []ecstypes.ServiceDeploymentStatus{
	ecstypes.ServiceDeploymentStatusPending, ecstypes.ServiceDeploymentStatusInProgress,
	ecstypes.ServiceDeploymentStatusStopRequested, ecstypes.ServiceDeploymentStatusRollbackRequested,
	ecstypes.ServiceDeploymentStatusRollbackInProgress,
}

func (s *Session) ecs(region string) *ecs.Client { return ecs.NewFromConfig(s.account.Reading(region)) }

// readTraffic asks the load balancer and ECS of a region who serves.
func (s *Session) readTraffic(ctx context.Context, region string, outputs map[string]string) (traffic, error) {
	balancer := elb.NewFromConfig(s.account.Reading(region))
	seen := traffic{weights: map[string]int{}}
	rules, err := balancer.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{outputs[config.OutputProductionRule]}})
	if err != nil {
		return seen, err
	}
	groups := map[string]string{} // target group by colour
	for output, colour := range colours {
		groups[colour] = outputs[output]
	}
	for _, rule := range rules.Rules {
		addWeights(seen.weights, groups, rule)
	}
	if colour := seen.live(); colour != "" {
		health, err := balancer.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: new(groups[colour])})
		if err != nil {
			return seen, err
		}
		for _, target := range health.TargetHealthDescriptions {
			if target.TargetHealth != nil && target.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
				seen.healthy++
			}
		}
	}
	return seen, s.readService(ctx, region, outputs, &seen)
}

func addWeights(weights map[string]int, groups map[string]string, rule elbtypes.Rule) {
	for _, action := range rule.Actions {
		if action.ForwardConfig == nil {
			continue
		}
		for _, group := range action.ForwardConfig.TargetGroups {
			for colour, arn := range groups {
				if arn == aws.ToString(group.TargetGroupArn) {
					weights[colour] += int(aws.ToInt32(group.Weight))
				}
			}
		}
	}
}

func (s *Session) readService(ctx context.Context, region string, outputs map[string]string, seen *traffic) error {
	cluster, service := outputs[config.OutputCluster], outputs[config.OutputService]
	answer, err := s.ecs(region).DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	if err != nil {
		return err
	}
	for _, found := range answer.Services {
		seen.desired, seen.running = int(found.DesiredCount), int(found.RunningCount)
	}
	seen.underWay, err = s.deployments(ctx, region, outputs, deploymentsUnderWay)
	return err
}

// deployments lists the service's deployments in some states, newest first.
func (s *Session) deployments(ctx context.Context, region string, outputs map[string]string, in []ecstypes.ServiceDeploymentStatus) ([]ecstypes.ServiceDeploymentBrief, error) {
	var all []ecstypes.ServiceDeploymentBrief
	var next *string
	for {
		page, err := s.ecs(region).ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
			Cluster: new(outputs[config.OutputCluster]), Service: new(outputs[config.OutputService]), Status: in, NextToken: next,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.ServiceDeployments...)
		if next = page.NextToken; next == nil {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b ecstypes.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	return all, nil
}

// hasTraffic says that the deployed stack tells where its traffic goes.
func hasTraffic(compute stacks.Live) bool { return compute.Outputs[config.OutputProductionRule] != "" }

// The IDs of the stacks that hold the service, as config names them.
const (
	computeStack = "compute"
	standbyStack = "dr-compute"
)

// place is where a service stands: in the stack of that name.
type place struct{ region, stack string }

// services are the environment's services: the one that serves, and its standby.
func (s *Session) services() []place {
	all := []place{{s.Env.Primary.Name, s.Env.Names().StackName(computeStack)}}
	if s.Env.DR.Mode == config.DRStandby {
		all = append(all, place{s.Env.Secondary.Name, s.Env.Names().StackName(standbyStack)})
	}
	return all
}

// checkTraffic refuses to deploy into a service whose traffic is not in one
// colour, is being moved, or would be moved by the pending template. A standby
// must be as sound: it takes everything when the first region is lost.
func (s *Session) checkTraffic(ctx context.Context, at place, ready readied, despite bool, f *console.Findings) {
	compute, err := s.stacks.Describe(ctx, at.region, at.stack)
	if err != nil {
		f.Problem("%s: %s", at.stack, account.Explain(err))
		return
	}
	if !compute.Exists() {
		return
	}
	if !hasTraffic(compute) {
		f.Note("%s has no output %s (its deployment is not whole yet): the traffic was not checked", at.stack, config.OutputProductionRule)
		return
	}
	seen, err := s.readTraffic(ctx, at.region, compute.Outputs)
	if err != nil {
		f.Problem("traffic of %s: %s", at.stack, account.Explain(err))
		return
	}
	s.judgeTraffic(at, seen, despite, f)
	checkPendingRule(at, ready, seen, f)
}

func (s *Session) judgeTraffic(at place, seen traffic, despite bool, f *console.Findings) {
	stop := "scripts/rollback.sh " + s.Env.Name
	for _, deployment := range seen.underWay {
		if at.region != s.Env.Primary.Name { // the script returns the first region's service
			stop = fmt.Sprintf("aws ecs stop-service-deployment --region %s --service-deployment-arn %s --stop-type ROLLBACK", at.region, aws.ToString(deployment.ServiceDeploymentArn))
		}
		f.Problem("%s: a deployment of the service is under way (%s): wait for its end, or stop it with %s", at.stack, deployment.Status, stop)
	}
	switch {
	case seen.live() == "":
		f.Problem("%s: the production rule's weights are %s: exactly one colour must carry all the traffic. A deployment is shifting it, or one ended badly: %s, or put the weights right by hand (docs/RUNBOOK.md#traffic-in-the-wrong-place)", at.stack, seen, stop)
	case seen.healthy == 0 && seen.desired > 0 && despite:
		f.Note("%s: %s carries all the traffic and has no healthy target", at.stack, seen.live())
	case seen.healthy == 0 && seen.desired > 0:
		f.Problem("%s: %s carries all the traffic and has no healthy target, of %d tasks that should run: see docs/DEPLOYMENT.md#troubleshooting before something new is added; if this deployment is the remedy, add --despite-outage", at.stack, seen.live(), seen.desired)
	}
	if s.Env.Site.ImageTag == config.NoImage && seen.desired > 0 {
		f.Problem("%s: image tag %s would stop the %d tasks that serve: name a release with --image-tag", at.stack, config.NoImage, seen.desired)
	}
}

// checkPendingRule looks whether the template touches the production rule.
// CloudFormation leaves a rule alone whose properties did not change; when they
// did, it writes the template's weights over those that ECS set.
func checkPendingRule(at place, ready readied, seen traffic, f *console.Findings) {
	pending, known := ready.find(at.stack)
	if !known {
		return
	}
	id := outputTarget(pending.Template, config.OutputProductionRule)
	touched := slices.ContainsFunc(ready.report.TrafficRules(), func(found changes.Finding) bool {
		return found.Stack == at.stack && found.Resource == id
	})
	if wanted := templateWeights(pending.Template, id); touched && !maps.Equal(wanted, seen.weights) {
		f.Problem("%s: the template changes the production rule (%s), which would set the weights to %s while they are %s: bring the traffic to the template's colour with one more deployment of the running release, or leave the rule as it is",
			at.stack, id, traffic{weights: wanted}, seen)
	}
}

// templateWeights are the weights by colour that a template gives to a rule.
func templateWeights(template cfn.Template, rule string) map[string]int {
	weights := map[string]int{}
	actions, _ := template.Resources[rule].Properties["Actions"].([]any)
	for _, action := range actions {
		properties, _ := action.(map[string]any)
		forward, _ := properties["ForwardConfig"].(map[string]any)
		groups, _ := forward["TargetGroups"].([]any)
		for _, group := range groups {
			member, _ := group.(map[string]any)
			reference, _ := member["TargetGroupArn"].(map[string]any)
			weight, _ := member["Weight"].(float64)
			for output, colour := range colours {
				if id, _ := reference["Ref"].(string); id != "" && id == outputTarget(template, output) {
					weights[colour] += int(weight)
				}
			}
		}
	}
	return weights
}

// tagOf is the tag of an image's name, or empty.
func tagOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	colon := strings.LastIndex(name, ":")
	if colon <= strings.LastIndex(name, "/") {
		return ""
	}
	return name[colon+1:]
}
