package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go"

	"wallet-infra/internal/exit"
)

// expired are the codes by which services say that credentials have ended.
var expired = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true, "TokenRefreshRequired": true,
	"InvalidClientTokenId": true, "UnrecognizedClientException": true, "InvalidIdentityToken": true,
}

// denied are the codes of a missing permission.
var denied = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true, "AuthorizationError": true,
}

// Denied says that a permission is missing.
func Denied(err error) bool { return denied[Code(err)] }

// Explain says in one line what went wrong, without the request that failed. An error
// that is none of AWS's stays as it is.
func Explain(err error) string {
	where := ""
	var operation *smithy.OperationError
	// The innermost call is the one that was refused: to assume the role, not to
	// do what the role would be needed for.
	for inner := err; errors.As(inner, &operation); inner = operation.Err {
		where = operation.Service() + " " + operation.Operation()
	}
	var api smithy.APIError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &api) && expired[api.ErrorCode()]:
		return fmt.Sprintf("%s: the credentials have expired or are not valid (%s): sign in again", where, api.ErrorCode())
	case errors.As(err, &api) && denied[api.ErrorCode()]:
		return fmt.Sprintf("%s: not permitted (%s): %s", where, api.ErrorCode(), api.ErrorMessage())
	case errors.As(err, &api):
		return fmt.Sprintf("%s: %s: %s", where, api.ErrorCode(), api.ErrorMessage())
	case where != "":
		return fmt.Sprintf("%s: no answer (%v): sign in (AWS_PROFILE, aws sso login), and look whether AWS can be reached", where, innermost(err))
	}
	return err.Error()
}

// innermost is the last cause of an error.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// Code is the code of an AWS error, or empty.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Refused is the end of a command that met an error before it changed anything.
func Refused(err error) error {
	var already exit.Failure
	switch {
	case errors.As(err, &already):
		return err
	case errors.Is(err, context.Canceled):
		return exit.With(exit.Interrupted, "interrupted: nothing was changed")
	}
	return exit.With(exit.Refused, "%s", Explain(err))
}

// Afterwards is a context for looking around after an interruption: it outlives the
// command's own, and not for long.
func Afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
}
