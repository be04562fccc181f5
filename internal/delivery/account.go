package delivery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"wallet-infra/config"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

// account gives access to the environment's AWS account. What only reads goes
// through the CDK bootstrap's lookup role of the region, on a laptop as in a
// pipeline, so that both see the same; what changes something outside of
// CloudFormation goes with the caller's own permissions.
type account struct {
	caller   aws.Config
	env      config.Environment
	asCaller bool

	mutex   sync.Mutex
	readers map[string]aws.Config
}

// open loads the caller's credentials.
func open(ctx context.Context, env config.Environment, asCaller bool) (*account, error) {
	caller, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(env.Primary.Name), awsconfig.WithHTTPClient(client()))
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	return &account{caller: caller, env: env, asCaller: asCaller, readers: map[string]aws.Config{}}, nil
}

// NewSession opens an environment's account, without asking it anything yet.
// asCaller reads with the caller's own permissions and not through the lookup
// role.
func NewSession(ctx context.Context, env config.Environment, console Console, cdk CDK, asCaller bool) (*Session, error) {
	account, err := open(ctx, env, asCaller)
	if err != nil {
		return nil, err
	}
	return &Session{Env: env, Console: console, CDK: cdk, Sleep: Sleep, Now: time.Now, account: account, runCDK: cdk.run}, nil
}

// writing is the caller's own configuration in a region.
func (a *account) writing(region string) aws.Config {
	own := a.caller.Copy()
	own.Region = region
	return own
}

// reading is the configuration for what only looks: the lookup role's, whose
// policy is AWS's ReadOnlyAccess without the decryption of anything.
func (a *account) reading(region string) aws.Config {
	if a.asCaller {
		return a.writing(region)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if known, ok := a.readers[region]; ok {
		return known
	}
	own := a.as(config.BootstrapLookup, region)
	a.readers[region] = own
	return own
}

// as is the configuration with one of the bootstrap's roles of a region.
func (a *account) as(role, region string) aws.Config {
	own := a.writing(region)
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(own), a.env.Names().BootstrapRole(role, config.Region{Name: region}), func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "wallet-deliver"
	})
	own.Credentials = aws.NewCredentialsCache(provider)
	return own
}

// publishing is the configuration for the bootstrap's bucket: the lookup role may not
// decrypt what is in it.
func (a *account) publishing(region string) aws.Config {
	if a.asCaller {
		return a.writing(region)
	}
	return a.as(config.BootstrapPublish, region)
}

// How long AWS may take to accept a connection, to begin an answer, and to say who
// signed in. An address that is dead is reported in seconds, and not after the minutes
// that the SDK's own limits add up to.
const (
	connectWait  = 5 * time.Second
	answerWait   = 30 * time.Second
	identifyWait = 20 * time.Second
)

// client is the HTTP client of all calls.
func client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectWait }).
		WithTransportOptions(func(t *http.Transport) { t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = connectWait, answerWait })
}

// identify proves that the credentials work and are of the right account.
func (s *Session) identify(ctx context.Context) error {
	defer progress.Doing(ctx, "signing in")()
	// A person may have to sign in for this, which takes its time.
	if _, err := s.account.caller.Credentials.Retrieve(ctx); err != nil {
		return refused(err)
	}
	asking, cancel := context.WithTimeout(ctx, identifyWait)
	defer cancel()
	identity, err := sts.NewFromConfig(s.account.writing(s.Env.Primary.Name)).GetCallerIdentity(asking, &sts.GetCallerIdentityInput{})
	if err != nil {
		return refused(err)
	}
	if got := aws.ToString(identity.Account); got != s.Env.Site.Account {
		return exit.With(exit.Refused, "the credentials are of account %s, and %s is in %s: choose another profile (AWS_PROFILE)",
			got, s.Env.Name, s.Env.Site.Account)
	}
	s.Console.say("account %s, as %s", s.Env.Site.Account, aws.ToString(identity.Arn))
	return nil
}

// expired are the codes by which services say that credentials have ended.
var expired = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true, "TokenRefreshRequired": true,
	"InvalidClientTokenId": true, "UnrecognizedClientException": true, "InvalidIdentityToken": true,
}

// denied are the codes of a missing permission.
var denied = map[string]bool{
	"AccessDenied": true, "AccessDeniedException": true, "UnauthorizedOperation": true, "AuthorizationError": true,
}

// explain says in one line what went wrong, without the request that failed.
func explain(err error) string {
	where := "AWS"
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
	case !errors.As(err, &api):
		return fmt.Sprintf("%s: no answer (%v): sign in (AWS_PROFILE, aws sso login), and look whether AWS can be reached", where, innermost(err))
	case expired[api.ErrorCode()]:
		return fmt.Sprintf("%s: the credentials have expired or are not valid (%s): sign in again", where, api.ErrorCode())
	case denied[api.ErrorCode()]:
		return fmt.Sprintf("%s: not permitted (%s): %s", where, api.ErrorCode(), api.ErrorMessage())
	}
	return fmt.Sprintf("%s: %s: %s", where, api.ErrorCode(), api.ErrorMessage())
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

// code is the code of an AWS error, or empty.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
