// Package account is the way into an environment's AWS account: the caller's
// credentials, the roles of CDK's bootstrap, the lock by which one checkout changes
// an environment once at a time, and what an error of AWS means to a person.
package account

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
	"github.com/aws/smithy-go/logging"

	"wallet-infra/config"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

// Account gives access to an environment's AWS account. What only reads goes
// through the CDK bootstrap's lookup role of the region, on a laptop as in a
// pipeline, so that both see the same; what changes something outside of
// CloudFormation goes with the caller's own permissions.
type Account struct {
	caller   aws.Config
	env      config.Environment
	asCaller bool

	mutex sync.Mutex
	roles map[string]aws.CredentialsProvider // that were assumed, by ARN
}

// Open loads the caller's credentials, and asks AWS nothing yet. asCaller reads with
// the caller's own permissions and not through the lookup role.
func Open(ctx context.Context, env config.Environment, asCaller bool) (*Account, error) {
	caller, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(env.Primary.Name), awsconfig.WithHTTPClient(client()),
		awsconfig.WithLogger(logging.Nop{})) // what the SDK warns of, SignIn says in one line
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	return New(env, caller, asCaller), nil
}

// New is an environment's account with a caller's configuration.
func New(env config.Environment, caller aws.Config, asCaller bool) *Account {
	return &Account{caller: caller, env: env, asCaller: asCaller, roles: map[string]aws.CredentialsProvider{}}
}

// Choose is the environment of that name with the image tag in place of its own; an
// empty tag leaves it. It fails on an unknown or invalid environment.
func Choose(name, imageTag string) (config.Environment, error) {
	if name == "" { // which would choose them all
		return config.Environment{}, errors.New("want the name of an environment, got none")
	}
	chosen, err := config.Select(config.All(), config.Choice{Env: name, ImageTag: imageTag})
	if err != nil {
		return config.Environment{}, err
	}
	return chosen[0], nil
}

// HTTP is the client by which the account is asked.
func (a *Account) HTTP() aws.HTTPClient { return a.caller.HTTPClient }

// AsCaller says that the caller's own permissions are read with.
func (a *Account) AsCaller() bool { return a.asCaller }

// Writing is the caller's own configuration in a region.
func (a *Account) Writing(region string) aws.Config {
	own := a.caller.Copy()
	own.Region = region
	return own
}

// Reading is the configuration for what only looks: the lookup role's, whose
// policy is AWS's ReadOnlyAccess without the decryption of anything.
func (a *Account) Reading(region string) aws.Config { return a.as(config.BootstrapLookup, region) }

// Publishing is the configuration for the bootstrap's bucket: the lookup role may not
// decrypt what is in it.
func (a *Account) Publishing(region string) aws.Config {
	return a.as(config.BootstrapPublish, region)
}

// as is the configuration with one of the bootstrap's roles of a region.
func (a *Account) as(role, region string) aws.Config {
	own := a.Writing(region)
	if a.asCaller {
		return own
	}
	arn := a.env.Names().BootstrapRole(role, config.Region{Name: region})
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.roles[arn] == nil {
		a.roles[arn] = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(own), arn, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "wallet"
		}))
	}
	own.Credentials = a.roles[arn]
	return own
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

// SignIn proves that the credentials work and are of the right account, and says who
// signed in.
func (a *Account) SignIn(ctx context.Context, to console.Console) error {
	defer progress.Doing(ctx, "signing in")()
	// A person may have to sign in for this, which takes its time.
	if _, err := a.caller.Credentials.Retrieve(ctx); err != nil {
		if Code(err) == "" && ctx.Err() == nil { // the last place that was asked is not the reason
			err = fmt.Errorf("no credentials (%v): sign in (AWS_PROFILE, aws sso login)", innermost(err)) //nolint:errorlint // a line for people
		}
		return Refused(err)
	}
	asking, cancel := context.WithTimeout(ctx, identifyWait)
	defer cancel()
	identity, err := sts.NewFromConfig(a.Writing(a.env.Primary.Name)).GetCallerIdentity(asking, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Refused(err)
	}
	if got := aws.ToString(identity.Account); got != a.env.Site.Account {
		return exit.With(exit.Refused, "the credentials are of account %s, and %s is in %s: choose another profile (AWS_PROFILE)",
			got, a.env.Name, a.env.Site.Account)
	}
	to.Say("account %s, as %s", a.env.Site.Account, aws.ToString(identity.Arn))
	return nil
}
