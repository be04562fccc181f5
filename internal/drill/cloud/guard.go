package cloud

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"wallet-infra/internal/drill/clock"
)

// ErrBlocked is what a request gets to a region that is blocked.
var ErrBlocked = errors.New("the region does not answer")

// Call is one attempt of one request.
type Call struct {
	At        time.Time
	Region    string // that the request was signed for
	Host      string
	Service   string
	Operation string
	Refused   string // why the guard did not let it through; empty where it did
}

// Guard sees every request of a drill.
type Guard struct {
	clock clock.Clock

	mu      sync.Mutex
	blocked map[string]bool
	calls   []Call
	// throttles is how many more attempts are throttled.
	throttles int
	// inject changes an answer before the drill sees it.
	inject func(operation string, answer any)
}

// NewGuard lets everything through and records it.
func NewGuard(clk clock.Clock) *Guard { return &Guard{clock: clk, blocked: map[string]bool{}} }

// BlockRegion makes a region unreachable from now on.
func (g *Guard) BlockRegion(region string) { g.set(region, true) }

// UnblockRegion makes it reachable again.
func (g *Guard) UnblockRegion(region string) { g.set(region, false) }

func (g *Guard) set(region string, blocked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blocked[region] = blocked
}

// Throttle makes the next attempts fail as AWS's throttling does.
func (g *Guard) Throttle(attempts int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.throttles = attempts
}

// InjectResponse has every answer changed before the drill sees it; nil ends that.
func (g *Guard) InjectResponse(change func(operation string, answer any)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inject = change
}

// Calls returns what was asked so far.
func (g *Guard) Calls() []Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Call(nil), g.calls...)
}

func (g *Guard) attach(stack *middleware.Stack) error {
	watch := middleware.FinalizeMiddlewareFunc("DrillGuard", g.watch)
	if err := stack.Finalize.Insert(watch, "Signing", middleware.After); err != nil {
		return err
	}
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("DrillInject", g.change), middleware.Before)
}

// watch stands behind the retries, so that it sees each attempt, and behind the
// signature, so that it sees for which region it was made.
func (g *Guard) watch(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	call := Call{
		At:        g.clock.Now(),
		Region:    awsmiddleware.GetRegion(ctx),
		Service:   awsmiddleware.GetServiceID(ctx),
		Operation: awsmiddleware.GetOperationName(ctx),
	}
	if request, ok := in.Request.(*smithyhttp.Request); ok {
		call.Host = request.URL.Host
		if signed := signedFor(request.Header.Get("Authorization")); signed != "" {
			call.Region = signed
		}
	}
	err := g.judge(&call)
	if err != nil {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	return next.HandleFinalize(ctx, in)
}

func (g *Guard) judge(call *Call) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	switch {
	case g.blocked[call.Region]:
		err = fmt.Errorf("%s %s in %s: %w", call.Service, call.Operation, call.Region, ErrBlocked)
		call.Refused = "region blocked"
	case g.throttles > 0:
		g.throttles--
		// The code that RDS, ECS and Route 53 share for it.
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html
		err = &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded", Fault: smithy.FaultClient}
		call.Refused = "throttled"
	}
	g.calls = append(g.calls, *call)
	return err
}

func (g *Guard) change(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleInitialize(ctx, in)
	g.mu.Lock()
	inject := g.inject
	g.mu.Unlock()
	if inject != nil && err == nil {
		inject(awsmiddleware.GetOperationName(ctx), out.Result)
	}
	return out, metadata, err
}

// signedFor reads the region from a signature's scope: key/date/region/service.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func signedFor(authorization string) string {
	_, scope, _ := strings.Cut(authorization, "Credential=")
	if parts := strings.Split(scope, "/"); len(parts) > 3 {
		return parts[2]
	}
	return ""
}
