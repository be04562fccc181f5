package plan

import (
	"fmt"
	"time"
)

// Budget is the recovery time that a plan allows itself.
type Budget struct {
	Parts []Part
	// Objective is the plan's own recovery time objective; zero where it has none.
	Objective time.Duration
}

// Part is one stretch of the critical path.
type Part struct {
	Name   string
	Length time.Duration
	Source string // what the length was read from
}

// Total is the length of the critical path.
func (b Budget) Total() time.Duration {
	var sum time.Duration
	for _, part := range b.Parts {
		sum += part.Length
	}
	return sum
}

// BudgetOf adds up the time-outs of the steps that a mode executes, one after
// another, the longest of parallel ones. The lookup finds a child plan by its ARN.
func BudgetOf(p Plan, region string, mode Mode, child func(arn string) (Plan, bool)) (Budget, error) {
	steps, ok := p.Activates(region)
	if !ok {
		return Budget{}, fmt.Errorf("plan %s has no workflow that activates %s", p.Name, region)
	}
	budget := Budget{Objective: time.Duration(p.RecoveryTimeObjectiveMinutes * float64(time.Minute))}
	for _, step := range steps {
		if step.Skips(mode) {
			continue
		}
		part := Part{Name: step.Name, Length: step.Timeout(), Source: "time-out of the plan's step"}
		if step.ExecutionBlockType == Child {
			arn := step.ExecutionBlockConfiguration.RegionSwitchPlanConfig.Arn
			inner, ok := child(arn)
			if !ok {
				return Budget{}, fmt.Errorf("step %q runs plan %s, which no template makes", step.Name, arn)
			}
			of, err := BudgetOf(inner, region, mode, child)
			if err != nil {
				return Budget{}, err
			}
			part.Length, part.Source = of.Total(), "the child plan's steps"
		}
		budget.Parts = append(budget.Parts, part)
	}
	return budget, nil
}
