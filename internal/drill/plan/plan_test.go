package plan

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parse reads a plan as a template writes it.
func parse(t *testing.T, steps string) (Plan, error) {
	t.Helper()
	var properties any
	require.NoError(t, json.Unmarshal([]byte(`{"Name": "p", "RecoveryTimeObjectiveMinutes": 30,
		"Workflows": [{"WorkflowTargetAction": "activate", "Steps": `+steps+`}]}`), &properties))
	return Parse("stack", "Plan", properties)
}

const steps = `[
	{"Name": "ask", "ExecutionBlockType": "ManualApproval", "ExecutionBlockConfiguration": {"ExecutionApprovalConfig": {"TimeoutMinutes": 5}}},
	{"Name": "both", "ExecutionBlockType": "Parallel", "ExecutionBlockConfiguration": {"ParallelConfig": {"Steps": [
		{"Name": "db", "ExecutionBlockType": "AuroraGlobalDatabase", "ExecutionBlockConfiguration": {"GlobalAuroraConfig":
			{"Behavior": "switchoverOnly", "TimeoutMinutes": 4, "Ungraceful": {"Ungraceful": "failover"}}}},
		{"Name": "tasks", "ExecutionBlockType": "ECSServiceScaling", "ExecutionBlockConfiguration": {"EcsCapacityIncreaseConfig": {"TimeoutMinutes": 7}}}
	]}}},
	{"Name": "function", "ExecutionBlockType": "CustomActionLambda", "ExecutionBlockConfiguration": {"CustomActionLambdaConfig":
		{"TimeoutMinutes": 3, "Ungraceful": {"Behavior": "skip"}}}},
	{"Name": "name", "ExecutionBlockType": "ARCRegionSwitchPlan", "ExecutionBlockConfiguration": {"RegionSwitchPlanConfig": {"Arn": "child"}}}
]`

func child(t *testing.T) func(string) (Plan, bool) {
	inner, err := parse(t, `[{"Name": "dns", "ExecutionBlockType": "Route53HealthCheck",
		"ExecutionBlockConfiguration": {"Route53HealthCheckConfig": {"TimeoutMinutes": 2}}}]`)
	require.NoError(t, err)
	return func(arn string) (Plan, bool) { return inner, arn == "child" }
}

func TestTheBudgetIsTheCriticalPath(t *testing.T) {
	p, err := parse(t, steps)
	require.NoError(t, err)
	for mode, want := range map[Mode]time.Duration{
		Graceful:   5 + 7 + 3 + 2, // of those side by side the longest
		Ungraceful: 5 + 7 + 2,     // the function is skipped
	} {
		budget, err := BudgetOf(p, "us-east-1", mode, child(t))
		require.NoError(t, err)
		assert.Equal(t, want*time.Minute, budget.Total(), mode)
		assert.Equal(t, 30*time.Minute, budget.Objective)
	}
}

func TestAStepWithoutATimeoutCostsRegionSwitchsDefault(t *testing.T) {
	p, err := parse(t, `[{"Name": "ask", "ExecutionBlockType": "ManualApproval", "ExecutionBlockConfiguration": {}}]`)
	require.NoError(t, err)
	budget, err := BudgetOf(p, "us-east-1", Graceful, child(t))
	require.NoError(t, err)
	assert.Equal(t, time.Hour, budget.Total())
}

func TestAChildThatNobodyMakesIsNotFree(t *testing.T) {
	p, err := parse(t, steps)
	require.NoError(t, err)
	_, err = BudgetOf(p, "us-east-1", Graceful, func(string) (Plan, bool) { return Plan{}, false })
	assert.ErrorContains(t, err, "which no template makes")
}

func TestAnUnknownBlockIsNotRehearsedInSilence(t *testing.T) {
	for _, steps := range []string{
		`[{"Name": "grow", "ExecutionBlockType": "EC2AutoScaling"}]`,
		`[{"Name": "both", "ExecutionBlockType": "Parallel", "ExecutionBlockConfiguration": {"ParallelConfig": {"Steps": [
			{"Name": "grow", "ExecutionBlockType": "EC2AutoScaling"}]}}}]`,
	} {
		_, err := parse(t, steps)
		assert.ErrorContains(t, err, `step "grow": the drill does not know block "EC2AutoScaling"`)
	}
	_, err := parse(t, `[]`)
	assert.ErrorContains(t, err, "no steps")
}

func TestOnlyAFailoverLosesData(t *testing.T) {
	aurora := func(behavior, ungraceful string) Step {
		s := Step{ExecutionBlockType: Aurora}
		s.ExecutionBlockConfiguration.GlobalAuroraConfig.Behavior = behavior
		s.ExecutionBlockConfiguration.GlobalAuroraConfig.Ungraceful.Ungraceful = ungraceful
		return s
	}
	assert.False(t, aurora("switchoverOnly", "failover").LosesData(Graceful))
	assert.True(t, aurora("switchoverOnly", "failover").LosesData(Ungraceful))
	assert.False(t, aurora("switchoverOnly", "").LosesData(Ungraceful), "the way back has no ungraceful form")
	assert.True(t, aurora("failover", "").LosesData(Graceful), "a block that is configured to lose does so in both modes")
	assert.False(t, Step{ExecutionBlockType: ECS}.LosesData(Ungraceful))
}

func TestAWorkflowWithoutARegionServesBoth(t *testing.T) {
	p := Plan{Workflows: []Workflow{
		{WorkflowTargetAction: "deactivate", Steps: []Step{{Name: "away"}}},
		{WorkflowTargetAction: "activate", WorkflowTargetRegion: "us-east-1", Steps: []Step{{Name: "there"}}},
	}}
	found, ok := p.Activates("us-east-1")
	assert.True(t, ok)
	assert.Equal(t, "there", found[0].Name)
	_, ok = p.Activates("sa-east-1")
	assert.False(t, ok)
	p.Workflows[1].WorkflowTargetRegion = ""
	_, ok = p.Activates("sa-east-1")
	assert.True(t, ok)
}
