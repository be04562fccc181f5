package service

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"wallet-infra/config"
)

// Colours are the two target groups' names, by the output that names each.
var Colours = map[string]string{config.OutputBlueTargets: "blue", config.OutputGreenTargets: "green"}

// Weights are those of the production rule, by colour.
type Weights map[string]int

// Live is the colour that carries everything, or empty where none does.
func (w Weights) Live() string {
	var carrying []string
	for _, colour := range slices.Sorted(maps.Keys(w)) {
		if w[colour] > 0 {
			carrying = append(carrying, colour)
		}
	}
	if len(carrying) != 1 {
		return ""
	}
	return carrying[0]
}

// String lists the weights by colour.
func (w Weights) String() string { return fmt.Sprintf("blue %d, green %d", w["blue"], w["green"]) }

// Traffic is who answers the users at this moment.
type Traffic struct {
	Weights
	Healthy          int // targets of the colour that carries everything
	Desired, Running int // tasks that the service wants, and that run
}

// Traffic asks the load balancer and ECS who serves; outputs are those of the
// service's stack.
func (s Service) Traffic(ctx context.Context, outputs map[string]string) (Traffic, error) {
	seen := Traffic{Weights: Weights{}}
	rules, err := s.balancer.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{outputs[config.OutputProductionRule]}})
	if err != nil {
		return seen, err
	}
	groups := map[string]string{} // target group by colour
	for output, colour := range Colours {
		groups[colour] = outputs[output]
		for _, rule := range rules.Rules {
			seen.Weights[colour] += weight(rule, outputs[output])
		}
	}
	if colour := seen.Live(); colour != "" {
		health, err := s.balancer.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: new(groups[colour])})
		if err != nil {
			return seen, err
		}
		for _, target := range health.TargetHealthDescriptions {
			if target.TargetHealth != nil && target.TargetHealth.State == types.TargetHealthStateEnumHealthy {
				seen.Healthy++
			}
		}
	}
	running, err := s.Running(ctx)
	if running != nil {
		seen.Desired, seen.Running = int(running.DesiredCount), int(running.RunningCount)
	}
	return seen, err
}

// weight is what a rule gives to a target group.
func weight(rule types.Rule, group string) int {
	sum := 0
	for _, action := range rule.Actions {
		if action.ForwardConfig == nil {
			continue
		}
		for _, target := range action.ForwardConfig.TargetGroups {
			if aws.ToString(target.TargetGroupArn) == group {
				sum += int(aws.ToInt32(target.Weight))
			}
		}
	}
	return sum
}
