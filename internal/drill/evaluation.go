package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"
)

// Evaluation is what Region switch itself found when it last tried, in one region,
// whether a plan could be executed: permissions, resources and capacity.
// https://docs.aws.amazon.com/arc-region-switch/latest/api/API_GetPlanEvaluationStatus.html
type Evaluation struct {
	Plan, Region string
	State        types.EvaluationStatus
	At           time.Time // zero where it never was
	Warnings     []string  // those that are not resolved
}

// outdated is the age from which an evaluation says nothing of the plan as it is:
// Region switch evaluates each half hour, so that one was missed.
// https://docs.aws.amazon.com/r53recovery/latest/dg/region-switch-plans.html
const outdated = time.Hour

// ErrEvaluation says that Region switch does not vouch for a plan.
var ErrEvaluation = errors.New("the plan's evaluation by Region switch")

// Evaluate asks for a plan's evaluation in the client's region.
func Evaluate(ctx context.Context, client *arcregionswitch.Client, planARN string) (Evaluation, error) {
	found := Evaluation{Plan: planARN, Region: client.Options().Region}
	pages := arcregionswitch.NewGetPlanEvaluationStatusPaginator(client, &arcregionswitch.GetPlanEvaluationStatusInput{PlanArn: &planARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return found, fmt.Errorf("%w in %s: %w", ErrEvaluation, found.Region, err)
		}
		found.State, found.At = page.EvaluationState, aws.ToTime(page.LastEvaluationTime)
		for _, warning := range page.Warnings {
			if warning.WarningStatus != types.ResourceWarningStatusResolved {
				found.Warnings = append(found.Warnings, describe(warning))
			}
		}
	}
	return found, nil
}

func describe(warning types.ResourceWarning) string {
	text := aws.ToString(warning.WarningMessage)
	if warning.StepName != nil {
		text = "step " + *warning.StepName + ": " + text
	}
	if warning.ResourceArn != nil {
		text += " (" + *warning.ResourceArn + ")"
	}
	return text
}

// Judge lists all for which the plan could not be trusted now. Only an evaluation that
// passed, lately and without a warning, is good.
func (e Evaluation) Judge(now time.Time) error {
	var problems []error
	note := func(format string, arguments ...any) {
		problems = append(problems, fmt.Errorf("%w in %s: "+format, append([]any{ErrEvaluation, e.Region}, arguments...)...))
	}
	if e.State != types.EvaluationStatusPassed {
		note("want %s, got %q", types.EvaluationStatusPassed, e.State)
	}
	switch age := now.Sub(e.At).Round(time.Minute); {
	case e.At.IsZero():
		note("it was never made")
	case age >= outdated:
		note("it is %s old, and Region switch makes one each half hour", age)
	}
	for _, warning := range e.Warnings {
		note("%s", warning)
	}
	return errors.Join(problems...)
}
