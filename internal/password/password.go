// Package password replaces the passwords that nothing rotates, the cache's and
// Kafka's, so that nobody is locked out at any moment.
package password

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/rollout"
	"wallet-infra/internal/service"
)

// Options are the choices of a new password.
type Options struct {
	Of     string // "cache" or "kafka"
	Region string // empty for every region that has the service
	Yes    bool   // do not ask
}

// secretsAPI, cacheAPI are what a new password needs of AWS.
type (
	secretsAPI interface {
		DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
		GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
		GetRandomPassword(context.Context, *secretsmanager.GetRandomPasswordInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetRandomPasswordOutput, error)
		PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
		UpdateSecretVersionStage(context.Context, *secretsmanager.UpdateSecretVersionStageInput, ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error)
	}
	cacheAPI interface {
		ModifyUser(context.Context, *elasticache.ModifyUserInput, ...func(*elasticache.Options)) (*elasticache.ModifyUserOutput, error)
		DescribeUsers(context.Context, *elasticache.DescribeUsersInput, ...func(*elasticache.Options)) (*elasticache.DescribeUsersOutput, error)
	}
)

// The labels of a secret's versions. The pending one stays on the new version until
// everything is done: it is the journal from which an interrupted change goes on.
const (
	stageCurrent = "AWSCURRENT"
	stagePending = "AWSPENDING"
)

// change replaces one password in one region. At each moment the password of
// the running tasks and that of the secret both open what they are for.
type change struct {
	secrets  secretsAPI
	cache    cacheAPI // nil for Kafka, which MSK tells of a secret's new value by itself
	secret   string
	user     string // of the cache
	redeploy func(context.Context) error
	say      func(format string, arguments ...any)
}

// Replace gives the cache's or Kafka's user a new password, region by region, and
// starts the service's tasks again with it. It may be run again after any interruption
// and goes on where it was. The password is made and kept by AWS: it stands in no
// command line and in no output.
func Replace(ctx context.Context, with cdk.Session, options Options) error {
	places, err := options.Places(with.Env)
	if err != nil {
		return err
	}
	end, err := with.Begin(ctx, "password")
	if err != nil {
		return err
	}
	defer end()
	for _, at := range places {
		underWay, err := service.At(with.Account, with.Env, at).Deployments(ctx, service.UnderWay...)
		if err != nil {
			return account.Refused(err)
		}
		if len(underWay) > 0 { // the deployment that this makes would replace it
			return exit.With(exit.Refused, "a deployment of the service is under way in %s: wait for its end (go tool wallet %s status)", at.Region, with.Env.Name)
		}
	}
	question := fmt.Sprintf("The %s's password is replaced and the service deployed again in %d region(s), one after the other.", options.Of, len(places))
	if err := with.Console.Approve(ctx, question, options.Yes); err != nil {
		return err
	}
	for _, at := range places {
		with.Console.Say("%s, %s:", at.Region, options.Of)
		if err := newChange(with, at, options.Of).run(ctx); err != nil {
			if ctx.Err() != nil {
				return exit.With(exit.Interrupted, "interrupted in %s: nobody is locked out; run the same command again", at.Region)
			}
			return exit.With(exit.Failed, "%s: %s. Nobody is locked out: tasks keep a password that works; mend the cause and run the same command again", at.Region, account.Explain(err))
		}
	}
	return nil
}

// Places judges the options, all at once, and says whose password is meant.
func (o Options) Places(env config.Environment) ([]service.Place, error) {
	var problems []error
	if o.Of != "cache" && o.Of != "kafka" {
		problems = append(problems, fmt.Errorf("--of: want cache or kafka, got %q", o.Of))
	}
	places := slices.DeleteFunc(service.Places(env), func(at service.Place) bool { return o.Region != "" && at.Region != o.Region })
	if len(places) == 0 {
		problems = append(problems, fmt.Errorf("--region: %s has no service in %q", env.Name, o.Region))
	}
	return places, errors.Join(problems...)
}

func newChange(with cdk.Session, at service.Place, of string) change {
	own, names := with.Account.Writing(at.Region), with.Env.Names()
	made := change{
		secrets: secretsmanager.NewFromConfig(own), secret: names.KafkaSecret(),
		say: func(format string, arguments ...any) { with.Console.Say("  "+format, arguments...) },
		redeploy: func(ctx context.Context) error {
			watch, err := rollout.Begin(ctx, with.Account, with.Env, with.Console, at)
			if err != nil {
				return err
			}
			return watch.Redeploy(ctx)
		},
	}
	if of == "cache" {
		made.cache, made.secret, made.user = elasticache.NewFromConfig(own), names.CacheSecret(), names.CacheUserID("app")
	}
	return made
}

// run goes through the steps, from the one at which an earlier run stopped.
func (c change) run(ctx context.Context) error {
	current, pending, err := c.versions(ctx)
	if err != nil {
		return err
	}
	if pending == "" {
		if pending, err = c.propose(ctx, current); err != nil {
			return err
		}
		c.say("a new password is in the secret, and not yet in use")
	} else {
		c.say("an earlier run stopped half-way: going on from there")
	}
	if current != pending {
		if err := c.allow(ctx, current, pending); err != nil {
			return err
		}
		if err := c.stage(ctx, stageCurrent, current, pending); err != nil {
			return err
		}
		c.say("the secret has the new password; tasks that run keep the old one until they are replaced")
	}
	if err := c.redeploy(ctx); err != nil {
		return err
	}
	if err := c.allow(ctx, pending); err != nil {
		return err
	}
	if err := c.stage(ctx, stagePending, pending, ""); err != nil {
		return err
	}
	c.say("done: every task has the new password, and the old one opens nothing")
	return nil
}

// versions are the secret's current version and the pending one, if there is one.
func (c change) versions(ctx context.Context) (current, pending string, err error) {
	found, err := c.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &c.secret})
	if err != nil {
		return "", "", err
	}
	for version, stages := range found.VersionIdsToStages {
		if slices.Contains(stages, stageCurrent) {
			current = version
		}
		if slices.Contains(stages, stagePending) {
			pending = version
		}
	}
	if current == "" {
		return "", "", fmt.Errorf("the secret %s has no current version", c.secret)
	}
	return current, pending, nil
}

// propose makes a new version with the same user and another password.
func (c change) propose(ctx context.Context, current string) (string, error) {
	content, err := c.value(ctx, current)
	if err != nil {
		return "", err
	}
	// The password stands in a URL and in a quoted line, so it is letters and digits.
	made, err := c.secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{
		PasswordLength: aws.Int64(int64(len(content["password"]))), ExcludePunctuation: aws.Bool(true),
	})
	if err != nil {
		return "", err
	}
	content["password"] = aws.ToString(made.RandomPassword)
	text, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	put, err := c.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &c.secret, SecretString: new(string(text)), VersionStages: []string{stagePending},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(put.VersionId), nil
}

// value is the content of one version.
func (c change) value(ctx context.Context, version string) (map[string]string, error) {
	found, err := c.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.secret, VersionId: &version})
	if err != nil {
		return nil, err
	}
	var content map[string]string
	if json.Unmarshal([]byte(aws.ToString(found.SecretString)), &content) != nil || content["password"] == "" || content["username"] == "" {
		return nil, fmt.Errorf("the secret %s is not an object with a username and a password", c.secret) // and quotes nothing of it
	}
	return content, nil
}

// allow gives the cache's user exactly the passwords of these versions; a user may have
// two (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html).
// Kafka's user has the current version's, which MSK reads by itself.
func (c change) allow(ctx context.Context, versions ...string) error {
	if c.cache == nil {
		return nil
	}
	var passwords []string
	for _, version := range versions {
		content, err := c.value(ctx, version)
		if err != nil {
			return err
		}
		passwords = append(passwords, content["password"])
	}
	if err := c.settled(ctx); err != nil { // a user that is being modified takes no change
		return err
	}
	if _, err := c.cache.ModifyUser(ctx, &elasticache.ModifyUserInput{UserId: &c.user, Passwords: passwords}); err != nil {
		return err
	}
	c.say("the cache's user has %d password(s)", len(passwords))
	return c.settled(ctx)
}

// pollUser is how often the cache's user is looked at, which takes a change within
// longestUser.
const (
	pollUser    = 10 * time.Second
	longestUser = 10 * time.Minute
)

// settled waits until the cache's nodes know the user as it was set.
func (c change) settled(ctx context.Context) error {
	err := poll.Until(ctx, pollUser, longestUser, func() (bool, error) {
		found, err := c.cache.DescribeUsers(ctx, &elasticache.DescribeUsersInput{UserId: &c.user})
		if err != nil || len(found.Users) == 1 && aws.ToString(found.Users[0].Status) == "active" {
			return true, err
		}
		c.say("waiting for the cache's user")
		return false, nil
	})
	if errors.Is(err, poll.ErrTooLong) {
		return fmt.Errorf("the cache's user %s did not become active within %s", c.user, longestUser)
	}
	return err
}

// stage moves a label from one version to another, or takes it away.
func (c change) stage(ctx context.Context, label, from, to string) error {
	input := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &c.secret, VersionStage: &label, RemoveFromVersionId: &from}
	if to != "" {
		input.MoveToVersionId = &to
	}
	_, err := c.secrets.UpdateSecretVersionStage(ctx, input)
	return err
}
