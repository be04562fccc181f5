// Package customresource answers CloudFormation for a custom resource that is only
// ever added to: creation and update do the same, deletion does nothing, because
// what it makes outlives the stack.
package customresource

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"

	"wallet-infra/lambda/internal/attempt"
)

// reserve is what is kept of the function's time to answer: without an answer
// CloudFormation waits for the resource's own time-out and gives no reason.
const reserve = 20 * time.Second

// reasonBytes are left of a reason: CloudFormation takes no answer above 4,096 bytes
// ("Custom resource response objects").
const reasonBytes = 1500

// Ensure makes what the properties ask for, or finds it made, and returns the
// resource's attributes.
type Ensure func(ctx context.Context, properties map[string]any) (map[string]any, error)

// Start serves the resource.
func Start(ensure Ensure) {
	// The answer goes by this client, which by itself waits for ever.
	http.DefaultClient.Timeout = reserve / 2
	lambda.Start(cfn.LambdaWrap(Handler(ensure)))
}

// Handler answers a request. The physical ID is the same in every answer about one
// resource, also in failures: another one would make CloudFormation delete the
// resource under the ID before.
func Handler(ensure Ensure) cfn.CustomResourceFunction {
	return func(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
		id := event.PhysicalResourceID
		if id == "" {
			id = event.LogicalResourceID
		}
		// Before anything can be refused: CloudFormation also deletes what it failed to
		// create, with the properties that failed, and an error there ends its rollback.
		if event.RequestType == cfn.RequestDelete {
			return id, nil, nil
		}
		ctx, cancel := attempt.WithReserve(ctx, reserve)
		defer cancel()
		data, err := ensure(ctx, event.ResourceProperties)
		if err != nil {
			return id, nil, shortened{err}
		}
		return id, data, nil
	}
}

// shortened is an error whose text fits into an answer.
type shortened struct{ error }

func (s shortened) Unwrap() error { return s.error }

func (s shortened) Error() string {
	text := s.error.Error()
	if len(text) <= reasonBytes {
		return text
	}
	return text[:reasonBytes] + "… (the function's log has all)"
}
