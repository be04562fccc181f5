package delivery

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"wallet-infra/config"
	"wallet-infra/internal/assembly"
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

func (s *Session) ecs() *ecs.Client { return ecs.NewFromConfig(s.account.reading(s.Env.Primary.Name)) }

// readTraffic asks the load balancer and ECS who serves.
func (s *Session) readTraffic(ctx context.Context, outputs map[string]string) (traffic, error) {
	balancer := elb.NewFromConfig(s.account.reading(s.Env.Primary.Name))
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
	return seen, s.readService(ctx, outputs, &seen)
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

func (s *Session) readService(ctx context.Context, outputs map[string]string, seen *traffic) error {
	cluster, service := outputs[config.OutputCluster], outputs[config.OutputService]
	answer, err := s.ecs().DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	if err != nil {
		return err
	}
	for _, found := range answer.Services {
		seen.desired, seen.running = int(found.DesiredCount), int(found.RunningCount)
	}
	seen.underWay, err = s.deployments(ctx, outputs, deploymentsUnderWay)
	return err
}

// deployments lists the service's deployments in some states, newest first.
func (s *Session) deployments(ctx context.Context, outputs map[string]string, in []ecstypes.ServiceDeploymentStatus) ([]ecstypes.ServiceDeploymentBrief, error) {
	var all []ecstypes.ServiceDeploymentBrief
	var next *string
	for {
		page, err := s.ecs().ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
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
func hasTraffic(compute live) bool { return compute.Outputs[config.OutputProductionRule] != "" }

// checkTraffic refuses to deploy into a service whose traffic is not in one
// colour, is being moved, or would be moved by the pending template.
func (s *Session) checkTraffic(ctx context.Context, a Assembly, despite bool, f *findings) {
	name := s.Env.StackName(computeStack)
	compute, err := s.describe(ctx, s.Env.Primary.Name, name)
	if err != nil {
		f.problem("%s: %s", name, explain(err))
		return
	}
	if !compute.exists() {
		return
	}
	if !hasTraffic(compute) {
		f.note("%s has no output %s (its deployment is not whole yet): the traffic was not checked", name, config.OutputProductionRule)
		return
	}
	seen, err := s.readTraffic(ctx, compute.Outputs)
	if err != nil {
		f.problem("traffic: %s", explain(err))
		return
	}
	s.judgeTraffic(seen, despite, f)
	s.checkPendingRule(ctx, a, seen, f)
}

// computeStack is the ID of the stack that holds the service, in lower case.
const computeStack = "compute"

func (s *Session) judgeTraffic(seen traffic, despite bool, f *findings) {
	for _, deployment := range seen.underWay {
		f.problem("a deployment of the service is under way (%s): wait for its end, or stop it with scripts/rollback.sh %s", deployment.Status, s.Env.Name)
	}
	switch {
	case seen.live() == "":
		f.problem("the production rule's weights are %s: exactly one colour must carry all the traffic. A deployment is shifting it, or one ended badly: scripts/rollback.sh %s, or put the weights right by hand (docs/DEPLOYMENT.md#traffic-in-the-wrong-place)", seen, s.Env.Name)
	case seen.healthy == 0 && seen.desired > 0 && despite:
		f.note("%s carries all the traffic and has no healthy target", seen.live())
	case seen.healthy == 0 && seen.desired > 0:
		f.problem("%s carries all the traffic and has no healthy target, of %d tasks that should run: see docs/DEPLOYMENT.md#troubleshooting before something new is added; if this deployment is the remedy, add --despite-outage", seen.live(), seen.desired)
	}
	if s.Env.Site.ImageTag == config.NoImage && seen.desired > 0 {
		f.problem("image tag %s would stop the %d tasks that serve: name a release with --image-tag", config.NoImage, seen.desired)
	}
}

// checkPendingRule compares the deployed rule with the template's. CloudFormation
// leaves a rule alone whose properties did not change; when they did, it writes
// the template's weights over those that ECS set.
func (s *Session) checkPendingRule(ctx context.Context, a Assembly, seen traffic, f *findings) {
	name := s.Env.StackName(computeStack)
	pending, known := a.find(name)
	if !known {
		return
	}
	deployed, err := s.deployedTemplate(ctx, s.Env.Primary.Name, name)
	if err != nil {
		f.problem("%s: %s", name, explain(err))
		return
	}
	id := outputTarget(pending.Template, config.OutputProductionRule)
	before, stands := deployed.Resources[id]
	if !stands || reflect.DeepEqual(before.Properties, pending.Template.Resources[id].Properties) {
		return
	}
	if wanted := templateWeights(pending.Template, id); !maps.Equal(wanted, seen.weights) {
		f.problem("the template changes the production rule (%s), which would set the weights to %s while they are %s: bring the traffic to the template's colour with one more deployment of the running release, or leave the rule as it is",
			id, traffic{weights: wanted}, seen)
	}
}

// templateWeights are the weights by colour that a template gives to a rule.
func templateWeights(template assembly.Template, rule string) map[string]int {
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
