// Package attempt bounds what a function does: it leaves a reserve before Lambda
// ends the function, gives each call of AWS a limit, and says which failures may
// pass and are worth another try.
package attempt

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
)

// A call of AWS is tried a few times within [Call] in all.
const (
	tries      = 3
	perTry     = 6 * time.Second
	longestGap = 3 * time.Second
	// Call is the longest that one call of AWS takes, its repetitions included.
	Call = tries*perTry + (tries-1)*longestGap
)

// Settings are the function's AWS settings, with a limit to each call: the SDK's own
// waits for an answer as long as the connection stands.
func Settings(ctx context.Context) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(perTry)),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = tries, longestGap })
		}))
}

// WithReserve ends a function's work while there is time to say what came of it:
// Lambda kills a function at its deadline, and nobody learns why.
func WithReserve(ctx context.Context, reserve time.Duration) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// Until calls try, with a pause between, until it succeeds, fails for good or the
// context ends. It returns the last failure that had a cause of its own, not the one
// of running out of time.
func Until(ctx context.Context, pause time.Duration, try func(context.Context) error) error {
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if ctx.Err() == nil && !Passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (the time for it is up)", last)
		case <-time.After(pause):
		}
	}
}

// Again marks a failure that may pass.
func Again(err error) error { return again{err} }

type again struct{ error }

func (a again) Unwrap() error { return a.error }
func (again) Passing() bool   { return true }

// fresh are the answers of AWS to a permission that is seconds old and not known
// everywhere yet ("Changes that I make are not always immediately visible" in the
// IAM user guide). Whether it is fresh or missing shows in time alone.
var fresh = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "UnrecognizedClientException": true,
	"InvalidClientTokenId": true, "KMSAccessDeniedException": true, "AuthorizationError": true,
}

// Passing tells whether a failure may pass: what says so of itself, throttling, a
// fault of AWS, a connection that broke or was not made, a fresh permission. A
// refusal for another reason does not.
func Passing(err error) bool {
	var own interface{ Passing() bool }
	if errors.As(err, &own) {
		return own.Passing()
	}
	var answer smithy.APIError
	if errors.As(err, &answer) && (fresh[answer.ErrorCode()] || answer.ErrorFault() == smithy.FaultServer) {
		return true
	}
	if retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary {
		return true
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
