package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
)

// PasswordOptions are the choices of a new password for what nothing rotates.
type PasswordOptions struct {
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

// passwordChange replaces one password in one region. At each moment the password of
// the running tasks and that of the secret both open what they are for.
type passwordChange struct {
	secrets  secretsAPI
	cache    cacheAPI // nil for Kafka, which MSK tells of a secret's new value by itself
	secret   string
	user     string // of the cache
	redeploy func(context.Context) error
	say      func(format string, arguments ...any)
	sleep    func(context.Context, time.Duration) error
}

// ReplacePassword gives the cache's or Kafka's user a new password, region by region,
// and starts the service's tasks again with it. It may be run again after any
// interruption and goes on where it was. The password is made and kept by AWS: it
// stands in no command line and in no output.
func (s *Session) ReplacePassword(ctx context.Context, options PasswordOptions) error {
	places, err := s.passwordPlaces(options)
	if err != nil {
		return err
	}
	release, err := s.hold("password")
	if err != nil {
		return err
	}
	defer release()
	if err := s.identify(ctx); err != nil {
		return err
	}
	for _, at := range places {
		if err := s.checkIdle(ctx, at); err != nil {
			return err
		}
	}
	question := fmt.Sprintf("The %s's password is replaced and the service deployed again in %d region(s), one after the other.", options.Of, len(places))
	if err := s.Console.Approve(ctx, question, options.Yes); err != nil {
		return err
	}
	for _, at := range places {
		s.Console.Say("%s, %s:", at.region, options.Of)
		if err := s.passwordChange(at, options.Of).run(ctx); err != nil {
			if interrupted(ctx) {
				return exit.With(exit.Interrupted, "interrupted in %s: nobody is locked out; run the same command again", at.region)
			}
			return exit.With(exit.Failed, "%s: %s. Nobody is locked out: tasks keep a password that works; mend the cause and run the same command again", at.region, account.Explain(err))
		}
	}
	return nil
}

// passwordPlaces are the services whose password is meant.
func (s *Session) passwordPlaces(options PasswordOptions) ([]place, error) {
	var problems []error
	if options.Of != "cache" && options.Of != "kafka" {
		problems = append(problems, fmt.Errorf("--of: want cache or kafka, got %q", options.Of))
	}
	places := slices.DeleteFunc(s.services(), func(at place) bool { return options.Region != "" && at.region != options.Region })
	if len(places) == 0 {
		problems = append(problems, fmt.Errorf("--region: %s has no service in %q", s.Env.Name, options.Region))
	}
	if len(problems) > 0 {
		return nil, exit.With(exit.Refused, "%w", errors.Join(problems...))
	}
	return places, nil
}

// checkIdle refuses beside a deployment: the one that this makes would replace it.
func (s *Session) checkIdle(ctx context.Context, at place) error {
	underWay, err := s.deployments(ctx, at.region, map[string]string{
		config.OutputCluster: s.Env.Names().ECSClusterName(), config.OutputService: s.Env.Names().ServiceName(),
	}, deploymentsUnderWay)
	if err != nil {
		return account.Refused(err)
	}
	if len(underWay) > 0 {
		return exit.With(exit.Refused, "a deployment of the service is under way in %s: wait for its end (scripts/status.sh %s)", at.region, s.Env.Name)
	}
	return nil
}

func (s *Session) passwordChange(at place, of string) passwordChange {
	own := s.account.Writing(at.region)
	change := passwordChange{
		secrets: secretsmanager.NewFromConfig(own), secret: s.Env.Names().KafkaSecret(),
		redeploy: func(ctx context.Context) error { return s.redeploy(ctx, at) },
		say:      func(format string, arguments ...any) { s.Console.Say("  "+format, arguments...) }, sleep: poll.Sleep,
	}
	if of == "cache" {
		change.cache, change.secret, change.user = elasticache.NewFromConfig(own), s.Env.Names().CacheSecret(), s.Env.Names().CacheUserID("app")
	}
	return change
}

// run goes through the steps, from the one at which an earlier run stopped.
func (c passwordChange) run(ctx context.Context) error {
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
func (c passwordChange) versions(ctx context.Context) (current, pending string, err error) {
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
func (c passwordChange) propose(ctx context.Context, current string) (string, error) {
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
func (c passwordChange) value(ctx context.Context, version string) (map[string]string, error) {
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
func (c passwordChange) allow(ctx context.Context, versions ...string) error {
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

// settled waits until the cache's nodes know the user as it was set.
func (c passwordChange) settled(ctx context.Context) error {
	for range 60 { // ten minutes
		found, err := c.cache.DescribeUsers(ctx, &elasticache.DescribeUsersInput{UserId: &c.user})
		if err != nil {
			return err
		}
		if len(found.Users) == 1 && aws.ToString(found.Users[0].Status) == "active" {
			return nil
		}
		c.say("waiting for the cache's user")
		if err := c.sleep(ctx, 10*time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("the cache's user %s did not become active within ten minutes", c.user)
}

// stage moves a label from one version to another, or takes it away.
func (c passwordChange) stage(ctx context.Context, label, from, to string) error {
	input := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &c.secret, VersionStage: &label, RemoveFromVersionId: &from}
	if to != "" {
		input.MoveToVersionId = &to
	}
	_, err := c.secrets.UpdateSecretVersionStage(ctx, input)
	return err
}

// redeploy starts the running release's tasks again, and waits until ECS confirms it.
func (s *Session) redeploy(ctx context.Context, at place) error {
	w := &watch{Session: s, at: at, before: map[string]bool{}, failed: map[string]string{}}
	if err := w.remember(ctx); err != nil {
		return err
	}
	if !w.existed {
		s.Console.Say("  no service runs in %s: there is nothing to deploy again", at.region)
		return nil
	}
	if _, err := ecs.NewFromConfig(s.account.Writing(at.region)).UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: new(s.Env.Names().ECSClusterName()), Service: new(s.Env.Names().ServiceName()), ForceNewDeployment: true,
	}); err != nil {
		return err
	}
	s.Console.Say("  the running release is deployed again: the waits of its steps and of its bake are in config's Delivery")
	for range int(s.Env.Delivery.Longest()/pollService) + looksAfter {
		if err := poll.Sleep(ctx, pollService); err != nil {
			return err
		}
		w.look(ctx) // which stops a hopeless one
		found, err := w.current(ctx)
		switch {
		case err != nil || found == nil || slices.Contains(deploymentsUnderWay, found.Status):
		case found.Status == types.ServiceDeploymentStatusSuccessful:
			return nil
		default:
			return fmt.Errorf("ECS's deployment is %s: %s", found.Status, aws.ToString(found.StatusReason))
		}
	}
	return errors.New("ECS's deployment of the service has not ended in the time of one that ends well")
}
