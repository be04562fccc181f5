package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"wallet-infra/lambda/internal/attempt"
	"wallet-infra/lambda/internal/taskage"
	"wallet-infra/lambda/internal/walletdb"
)

// The staging labels by which Secrets Manager tells a secret's versions apart.
const (
	current  = "AWSCURRENT"
	pending  = "AWSPENDING"
	previous = "AWSPREVIOUS"
)

const (
	// reserve is what is kept of the function's time to say why a step failed.
	reserve = 10 * time.Second
	// pause is between two tries of a step.
	pause = 5 * time.Second
)

// secretStore is the part of Secrets Manager that the function uses.
type secretStore interface {
	walletdb.SecretReader
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	GetRandomPassword(context.Context, *secretsmanager.GetRandomPasswordInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetRandomPasswordOutput, error)
	ListSecretVersionIds(context.Context, *secretsmanager.ListSecretVersionIdsInput, ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	UpdateSecretVersionStage(context.Context, *secretsmanager.UpdateSecretVersionStageInput, ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error)
}

// handler replaces the password of a database secret, in four steps.
type handler struct {
	secrets          secretStore
	open             walletdb.Opener
	regions          []region // where tasks hold the password
	cluster, service string   // in each of them
	length           int64    // of a new password
	excluded         string   // the characters that no password has
	pause            time.Duration
}

// region is one with tasks.
type region struct {
	name   string
	tasks  taskage.API
	events eventBus
	delay  time.Duration // until its copy of the secret has followed
}

// event is what Secrets Manager calls the function with, once for each step.
type event struct {
	Step               string
	SecretID           string `json:"SecretId"`
	ClientRequestToken string // the version that the rotation makes
}

// rotation is one step's view of the secret.
type rotation struct {
	handler
	secret  string     // ARN
	token   string     // the version that the rotation makes
	active  string     // the version that is current, by its ID
	rotated *time.Time // when the rotation before ended, if there was one
}

// handle does one step. Secrets Manager repeats a rotation that failed, from its
// first step on and with the same version, so each can be repeated; what may pass is
// tried again here while there is time.
func (h handler) handle(ctx context.Context, event event) error {
	steps := map[string]func(rotation, context.Context) error{
		"createSecret": rotation.create,
		"setSecret":    rotation.set,
		"testSecret":   rotation.test,
		"finishSecret": rotation.finish,
	}
	step := steps[event.Step]
	if step == nil {
		return fmt.Errorf("step: want createSecret, setSecret, testSecret or finishSecret, got %q", event.Step)
	}
	ctx, cancel := attempt.WithReserve(ctx, reserve)
	defer cancel()
	err := attempt.Until(ctx, h.pause, func(ctx context.Context) error {
		r, done, err := h.begin(ctx, event)
		if err == nil && !done {
			err = step(r, ctx)
		}
		// Also in a repetition: the attempt before may have failed here, and a second
		// event does no harm.
		if err == nil && event.Step == "finishSecret" {
			err = r.announce(ctx)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", event.Step, err)
	}
	return nil
}

// begin refuses what Secrets Manager did not ask for, and says whether the version
// is current already.
func (h handler) begin(ctx context.Context, event event) (r rotation, done bool, err error) {
	found, err := h.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: new(event.SecretID)})
	if err != nil {
		return r, false, fmt.Errorf("describe the secret: %w", err)
	}
	// Absent while a new schedule is tried out, which runs testSecret alone.
	if found.RotationEnabled != nil && !*found.RotationEnabled {
		return r, false, errors.New("the secret's rotation is not enabled")
	}
	r = rotation{handler: h, secret: event.SecretID, token: event.ClientRequestToken, rotated: found.LastRotatedDate}
	stages, known := found.VersionIdsToStages[event.ClientRequestToken]
	if !known {
		return r, false, errors.New("the version to rotate to is not one of the secret's")
	}
	if slices.Contains(stages, current) {
		return r, true, nil
	}
	if !slices.Contains(stages, pending) {
		return r, false, errors.New("the version to rotate to is not staged as " + pending)
	}
	for version, stages := range found.VersionIdsToStages {
		if slices.Contains(stages, current) {
			r.active = version
		}
	}
	return r, false, nil
}

// create stores the secret's next version: a new password and, for a user that
// alternates, the name of the other one. A version that is there stays, because
// the database may have its password already.
func (r rotation) create(ctx context.Context) error {
	_, err := r.version(ctx, pending)
	if err == nil {
		return nil
	}
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return err
	}
	value, err := r.version(ctx, current)
	if err != nil {
		return err
	}
	next, err := r.next(ctx, value)
	if err != nil {
		return err
	}
	_, err = r.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: new(r.secret), ClientRequestToken: new(r.token),
		SecretString: new(next), VersionStages: []string{pending},
	})
	// Another call of this rotation was first, or the answer to this one was lost: a
	// version cannot be changed any more (API_PutSecretValue, ClientRequestToken).
	var stored *types.ResourceExistsException
	if errors.As(err, &stored) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store the new version: %w", err)
	}
	return nil
}

// next is the content of the secret's next version: the present one's, with
// another password and perhaps another user.
func (r rotation) next(ctx context.Context, value *secretsmanager.GetSecretValueOutput) (string, error) {
	now, err := walletdb.Parse(value)
	if err != nil {
		return "", fmt.Errorf("the version %s: %w", current, err)
	}
	password, err := r.secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{
		PasswordLength: new(r.length), ExcludeCharacters: new(r.excluded),
	})
	if err != nil {
		return "", fmt.Errorf("make a password: %w", err)
	}
	fields := map[string]json.RawMessage{} // those that nobody here knows stay as they are
	if json.Unmarshal([]byte(*value.SecretString), &fields) != nil {
		return "", fmt.Errorf("the version %s: want a JSON object", current)
	}
	replaced := map[string]string{"password": *password.RandomPassword}
	if now.Master != "" {
		replaced["username"] = other(now.Username)
	}
	for name, text := range replaced {
		if fields[name], err = json.Marshal(text); err != nil {
			return "", fmt.Errorf("the field %s cannot be written", name)
		}
	}
	content, err := json.Marshal(fields)
	if err != nil {
		return "", errors.New("the new version cannot be written")
	}
	return string(content), nil
}

// other is the user that a user alternates with.
func other(user string) string {
	base, clone := walletdb.Alternates(user)
	if user == base {
		return clone
	}
	return base
}

// finish makes the new version the current one. Secrets Manager itself moves
// AWSPREVIOUS and takes AWSPENDING away.
func (r rotation) finish(ctx context.Context) error {
	if r.active == "" {
		return errors.New("no version of the secret is " + current)
	}
	_, err := r.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: new(r.secret), VersionStage: new(current),
		MoveToVersionId: new(r.token), RemoveFromVersionId: new(r.active),
	})
	if err != nil {
		// A repetition of a call whose answer was lost is refused: the label is no longer
		// where it is to be taken from.
		if _, done, unread := r.begin(ctx, event{SecretID: r.secret, ClientRequestToken: r.token}); unread == nil && done {
			return nil
		}
		return fmt.Errorf("make the new version current: %w", err)
	}
	return nil
}

// version returns the version of that stage; the pending one must be this
// rotation's.
func (r rotation) version(ctx context.Context, stage string) (*secretsmanager.GetSecretValueOutput, error) {
	input := &secretsmanager.GetSecretValueInput{SecretId: new(r.secret), VersionStage: new(stage)}
	if stage == pending {
		input.VersionId = new(r.token)
	}
	value, err := r.secrets.GetSecretValue(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("read the version %s: %w", stage, err)
	}
	return value, nil
}

// credentials returns what the version of that stage logs in with.
func (r rotation) credentials(ctx context.Context, stage string) (walletdb.Credentials, error) {
	value, err := r.version(ctx, stage)
	if err != nil {
		return walletdb.Credentials{}, err
	}
	found, err := walletdb.Parse(value)
	if err != nil {
		return found, fmt.Errorf("the version %s: %w", stage, err)
	}
	return found, nil
}
