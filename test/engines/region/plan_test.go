package region

import (
	"encoding/json"
	"fmt"
	"strings"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// plan is a Region switch plan of the templates, in CloudFormation's shape.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-arcregionswitch-plan.html
type plan struct {
	Name, ExecutionRole string
	PrimaryRegion       string
	Regions             []string
	AssociatedAlarms    map[string]struct{ ResourceIdentifier string }
	Workflows           []struct {
		WorkflowTargetAction, WorkflowTargetRegion string
		Steps                                      []step
	}

	arn string
	may []policy.Grant // what its role may do
}

// step is one execution block; of the configurations, the one of its type is there.
type step struct {
	Name, ExecutionBlockType    string
	ExecutionBlockConfiguration struct {
		ExecutionApprovalConfig struct {
			ApprovalRole   string
			TimeoutMinutes float64
		}
		GlobalAuroraConfig struct {
			Behavior, GlobalClusterIdentifier string
			DatabaseClusterArns               []string
			TimeoutMinutes                    float64
			Ungraceful                        struct{ Ungraceful string }
		}
		EcsCapacityIncreaseConfig struct {
			Services       []struct{ ClusterArn, ServiceArn string }
			TargetPercent  *float64
			TimeoutMinutes float64
			Ungraceful     struct{ MinimumSuccessPercentage *float64 }
		}
		Route53HealthCheckConfig struct {
			HostedZoneID   string `json:"HostedZoneId"`
			RecordName     string
			RecordSets     []struct{ RecordSetIdentifier, Region string }
			TimeoutMinutes float64
		}
		ParallelConfig         struct{ Steps []step }
		RegionSwitchPlanConfig struct{ Arn string }
	}
}

// minutes is the step's time-out: 60 where it names none, the property's default.
func (s step) minutes() float64 {
	c := s.ExecutionBlockConfiguration
	named := c.ExecutionApprovalConfig.TimeoutMinutes + c.GlobalAuroraConfig.TimeoutMinutes +
		c.EcsCapacityIncreaseConfig.TimeoutMinutes + c.Route53HealthCheckConfig.TimeoutMinutes
	if named > 0 {
		return named
	}
	return 60
}

// plans are those of the templates, by ARN, with what their roles may do.
func (p *platform) plans() (map[string]plan, error) {
	found := map[string]plan{}
	stack := p.stack(stackRecovery)
	for _, r := range stack.Template.OfType("AWS::ARCRegionSwitch::Plan") {
		content, err := json.Marshal(p.resolve(stack, r.Properties))
		if err != nil {
			return nil, err
		}
		var one plan
		if err := json.Unmarshal(content, &one); err != nil {
			return nil, fmt.Errorf("%s is not a plan: %w", r.ID, err)
		}
		one.arn = text(p.resolve(stack, cfn.Object{"Fn::GetAtt": []any{r.ID, "Arn"}}))
		one.may = p.policies(one.ExecutionRole)
		found[one.arn] = one
	}
	return found, nil
}

// policies are what a role of the recovery stack may do.
func (p *platform) policies(role string) []policy.Grant {
	stack := p.stack(stackRecovery)
	var grants []policy.Grant
	for _, r := range stack.Template.OfType("AWS::IAM::ManagedPolicy") {
		for _, attached := range cfn.List(r.Properties["Roles"]) {
			if id, _ := cfn.Lookup(attached, "Ref").(string); strings.HasSuffix(role, "role/"+id) && id != "" {
				grants = append(grants, policy.Read(p.resolve(stack, r.Properties["PolicyDocument"]))...)
			}
		}
	}
	return grants
}

// maximum is how many tasks a region's service may have.
func (p *platform) maximum(stack string) string {
	for _, r := range p.stack(stack).Template.OfType("AWS::ApplicationAutoScaling::ScalableTarget") {
		if r.Properties["ServiceNamespace"] == "ecs" {
			return text(r.Properties["MaxCapacity"])
		}
	}
	return "none"
}

// activates are the steps that bring a region to life. A workflow without a region is
// for either.
func (p plan) activates(region string) ([]step, error) {
	for _, workflow := range p.Workflows {
		if workflow.WorkflowTargetAction == "activate" && (workflow.WorkflowTargetRegion == "" || workflow.WorkflowTargetRegion == region) {
			return workflow.Steps, nil
		}
	}
	return nil, fmt.Errorf("plan %s has no workflow that activates %s", p.Name, region)
}
