// Package hook is the language between Amazon ECS and the functions that it calls
// at the stages of a service deployment
// (docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html).
package hook

import (
	"encoding/json"
	"time"
)

// Status is what a function tells ECS about the stage.
type Status string

// The answers that ECS knows. Any other, and an error of the function, roll the
// deployment back.
const (
	Succeeded  Status = "SUCCEEDED"   // the deployment goes on
	Failed     Status = "FAILED"      // the deployment rolls back
	InProgress Status = "IN_PROGRESS" // ECS calls again after the delay
)

// Event is one call of a function. ECS calls again with the same event, and with
// the details of the answer before, for as long as the answer is InProgress.
type Event struct {
	// ExecutionID is unique to one hook at one stage of one deployment.
	ExecutionID    string `json:"executionId"`
	LifecycleStage string `json:"lifecycleStage"`
	// ResourceARN is the service deployment's.
	ResourceARN string `json:"resourceArn"`
	// Details are the service definition's, overlaid with those of earlier answers.
	Details Details `json:"hookDetails"`
}

// Details are what a function remembers from one call to the next.
type Details map[string]string

// UnmarshalJSON also takes the JSON object inside a string, which is how
// CloudFormation writes details, and drops values that are not text: nothing of
// ours writes them.
func (d *Details) UnmarshalJSON(content []byte) error {
	var quoted string
	if json.Unmarshal(content, &quoted) == nil {
		if quoted == "" {
			return nil
		}
		content = []byte(quoted)
	}
	var values map[string]any
	if err := json.Unmarshal(content, &values); err != nil {
		return err
	}
	*d = Details{}
	for name, value := range values {
		if text, is := value.(string); is {
			(*d)[name] = text
		}
	}
	return nil
}

// Answer is the function's response.
type Answer struct {
	Status Status `json:"hookStatus"`
	// CallBackDelay is in seconds; ECS's own default is 30.
	CallBackDelay int     `json:"callBackDelay,omitempty"`
	Details       Details `json:"hookDetails,omitempty"`
}

// Again asks to be called after a delay, with these details.
func Again(after time.Duration, details Details) Answer {
	return Answer{Status: InProgress, CallBackDelay: int(after.Seconds()), Details: details}
}
