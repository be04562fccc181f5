// Package plan reads the Region switch plans of a synthesized assembly
// (AWS::ARCRegionSwitch::Plan) and computes what their time-outs add up to.
//
// The shape is CloudFormation's:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-arcregionswitch-plan.html
package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Type is the CloudFormation type of a plan.
const Type = "AWS::ARCRegionSwitch::Plan"

// Mode is how a plan is executed. In ungraceful mode blocks act differently or
// are skipped, as their own configuration says.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_StartPlanExecution.html
type Mode string

// The modes.
const (
	Graceful   Mode = "graceful"
	Ungraceful Mode = "ungraceful"
)

// Block is the kind of a step: its executionBlockType.
type Block string

// The blocks that the drill acts or accounts for.
const (
	Approval    Block = "ManualApproval"
	Aurora      Block = "AuroraGlobalDatabase"
	ECS         Block = "ECSServiceScaling"
	HealthCheck Block = "Route53HealthCheck"
	Parallel    Block = "Parallel"
	Child       Block = "ARCRegionSwitchPlan"
	Lambda      Block = "CustomActionLambda"
	Mappings    Block = "LambdaEventSourceMapping"
)

// DefaultTimeout is what Region switch takes where a step names no time-out: the
// property's documented default.
const DefaultTimeout = 60 * time.Minute

// Plan is one Region switch plan.
type Plan struct {
	Stack, LogicalID             string `json:"-"`
	Name, Description            string
	RecoveryApproach             string
	PrimaryRegion                string
	Regions                      []string
	RecoveryTimeObjectiveMinutes float64
	AssociatedAlarms             map[string]Alarm
	Workflows                    []Workflow
	Triggers                     []Trigger
}

// Alarm is a CloudWatch alarm that the plan watches.
type Alarm struct {
	AlarmType          string // applicationHealth or trigger
	ResourceIdentifier string // the alarm's ARN
}

// Trigger starts the plan by itself.
type Trigger struct {
	TargetRegion string
	Action       string
}

// Workflow is the steps of one direction. In an active/passive plan a workflow
// without a region serves every region.
type Workflow struct {
	WorkflowTargetAction string // activate, deactivate or postRecovery
	WorkflowTargetRegion string
	WorkflowDescription  string
	Steps                []Step
}

// Step is one execution block.
type Step struct {
	Name, Description           string
	ExecutionBlockType          Block
	ExecutionBlockConfiguration Configuration
}

// Configuration holds the one configuration that belongs to the step's block.
type Configuration struct {
	ExecutionApprovalConfig        ApprovalConfig
	GlobalAuroraConfig             AuroraConfig
	EcsCapacityIncreaseConfig      ECSConfig
	Route53HealthCheckConfig       HealthCheckConfig
	ParallelConfig                 ParallelConfig
	RegionSwitchPlanConfig         ChildConfig
	CustomActionLambdaConfig       LambdaConfig
	LambdaEventSourceMappingConfig LambdaConfig
}

// ApprovalConfig waits for a person.
type ApprovalConfig struct {
	ApprovalRole   string
	TimeoutMinutes float64
}

// AuroraConfig changes the writer of a global database.
type AuroraConfig struct {
	Behavior                string // switchoverOnly or failover
	DatabaseClusterArns     []string
	GlobalClusterIdentifier string
	TimeoutMinutes          float64
	Ungraceful              struct{ Ungraceful string } // failover
}

// ECSConfig scales services to the capacity of the region that is left.
type ECSConfig struct {
	Services []struct {
		ClusterArn, ServiceArn string
	}
	CapacityMonitoringApproach string
	TargetPercent              float64
	TimeoutMinutes             float64
	Ungraceful                 struct{ MinimumSuccessPercentage *float64 }
}

// HealthCheckConfig moves a DNS name by the health checks that the plan vends.
type HealthCheckConfig struct {
	HostedZoneID   string `json:"HostedZoneId"`
	RecordName     string
	RecordSets     []RecordSet
	TimeoutMinutes float64
}

// RecordSet says which record stands for which region.
type RecordSet struct {
	RecordSetIdentifier string
	Region              string
}

// ParallelConfig runs its steps at once.
type ParallelConfig struct{ Steps []Step }

// ChildConfig runs another plan.
type ChildConfig struct{ Arn string }

// LambdaConfig runs functions, or switches what feeds them.
type LambdaConfig struct {
	Lambdas        []struct{ Arn string }
	RegionToRun    string
	TimeoutMinutes float64
	Ungraceful     struct{ Behavior string } // skip
}

// Parse reads a plan from the properties of its resource, in which every
// intrinsic function is resolved. It names each step whose block the drill does
// not know: a step that nobody rehearses must not look rehearsed.
func Parse(stack, id string, properties any) (Plan, error) {
	var p Plan
	content, err := json.Marshal(properties)
	if err != nil {
		return Plan{}, fmt.Errorf("%s/%s: %w", stack, id, err)
	}
	// Field names are matched without case: the schema's are capitalised, the
	// API's are not.
	if err := json.Unmarshal(content, &p); err != nil {
		return Plan{}, fmt.Errorf("%s/%s is not a plan: %w", stack, id, err)
	}
	p.Stack, p.LogicalID = stack, id
	var problems []error
	if len(p.Workflows) == 0 {
		problems = append(problems, errors.New("no workflow"))
	}
	for _, workflow := range p.Workflows {
		if len(workflow.Steps) == 0 {
			problems = append(problems, fmt.Errorf("workflow to %s %s: no steps", workflow.WorkflowTargetAction, workflow.WorkflowTargetRegion))
		}
		problems = append(problems, unknownBlocks(workflow.Steps)...)
	}
	if err := errors.Join(problems...); err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", p.Name, err)
	}
	return p, nil
}

func unknownBlocks(steps []Step) []error {
	var problems []error
	for _, step := range steps {
		switch step.ExecutionBlockType {
		case Approval, Aurora, ECS, HealthCheck, Child, Lambda, Mappings:
		case Parallel:
			problems = append(problems, unknownBlocks(step.ExecutionBlockConfiguration.ParallelConfig.Steps)...)
		default:
			problems = append(problems, fmt.Errorf("step %q: the drill does not know block %q", step.Name, step.ExecutionBlockType))
		}
	}
	return problems
}

// Activates returns the plan's steps that bring a region to life, in order.
func (p Plan) Activates(region string) ([]Step, bool) {
	for _, workflow := range p.Workflows {
		if strings.EqualFold(workflow.WorkflowTargetAction, "activate") && workflow.serves(region) {
			return workflow.Steps, true
		}
	}
	return nil, false
}

func (w Workflow) serves(region string) bool {
	return w.WorkflowTargetRegion == "" || w.WorkflowTargetRegion == region
}

// Timeout is how long the step may take. A parallel step takes as long as its
// longest; a child plan's is not known to the step.
func (s Step) Timeout() time.Duration {
	c := s.ExecutionBlockConfiguration
	switch s.ExecutionBlockType {
	case Approval:
		return minutes(c.ExecutionApprovalConfig.TimeoutMinutes)
	case Aurora:
		return minutes(c.GlobalAuroraConfig.TimeoutMinutes)
	case ECS:
		return minutes(c.EcsCapacityIncreaseConfig.TimeoutMinutes)
	case HealthCheck:
		return minutes(c.Route53HealthCheckConfig.TimeoutMinutes)
	case Lambda:
		return minutes(c.CustomActionLambdaConfig.TimeoutMinutes)
	case Mappings:
		return minutes(c.LambdaEventSourceMappingConfig.TimeoutMinutes)
	case Parallel:
		var longest time.Duration
		for _, inner := range c.ParallelConfig.Steps {
			longest = max(longest, inner.Timeout())
		}
		return longest
	case Child:
		return 0
	}
	return DefaultTimeout
}

func minutes(n float64) time.Duration {
	if n <= 0 {
		return DefaultTimeout
	}
	return time.Duration(n * float64(time.Minute))
}

// Skips says that the step is left out in a mode: a function whose ungraceful
// behaviour is to be skipped.
// https://docs.aws.amazon.com/r53recovery/latest/dg/custom-action-lambda-block.html
func (s Step) Skips(mode Mode) bool {
	if mode != Ungraceful {
		return false
	}
	switch s.ExecutionBlockType {
	case Lambda:
		return s.ExecutionBlockConfiguration.CustomActionLambdaConfig.Ungraceful.Behavior == "skip"
	case Mappings:
		return s.ExecutionBlockConfiguration.LambdaEventSourceMappingConfig.Ungraceful.Behavior == "skip"
	default:
		return false
	}
}

// LosesData says that the step may promote a database that has not received
// everything. A failover does in either mode, where the block is configured so.
// https://docs.aws.amazon.com/r53recovery/latest/dg/aurora-global-database-block.html
func (s Step) LosesData(mode Mode) bool {
	if s.ExecutionBlockType != Aurora {
		return false
	}
	config := s.ExecutionBlockConfiguration.GlobalAuroraConfig
	if mode == Ungraceful && config.Ungraceful.Ungraceful == "failover" {
		return true
	}
	return config.Behavior == "failover"
}
