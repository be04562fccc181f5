package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"wallet-infra/lambda/internal/attempt"
)

// The event that a rule of the service's stack waits for.
const (
	eventSource = "wallet.database"
	eventType   = "Database password rotated"
)

// eventBus is the part of EventBridge that the function uses.
type eventBus interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// announce says in each region that the application's password is another one: tasks
// read theirs when they start. The administrator's, a secret without a master,
// concerns no task.
func (r rotation) announce(ctx context.Context) error {
	now, err := r.credentials(ctx, current)
	if err != nil {
		return err
	}
	if now.Master == "" {
		return nil
	}
	detail, err := json.Marshal(map[string]string{"secret": r.secret, "version": r.token})
	if err != nil {
		return err
	}
	var problems []error
	for _, region := range r.regions {
		if err := region.put(ctx, r.secret, string(detail)); err != nil {
			problems = append(problems, fmt.Errorf("announce the new password in %s: %w", region.name, err))
		}
	}
	return errors.Join(problems...)
}

// put puts the event on the account's default bus in the region.
func (r region) put(ctx context.Context, secret, detail string) error {
	out, err := r.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: new(eventSource), DetailType: new(eventType), Resources: []string{secret}, Detail: new(detail),
	}}})
	if err != nil {
		return err
	}
	// EventBridge refuses single entries of a call that succeeds.
	for _, entry := range out.Entries {
		if entry.ErrorCode != nil {
			return attempt.Again(fmt.Errorf("%s: %s", *entry.ErrorCode, aws.ToString(entry.ErrorMessage)))
		}
	}
	if out.FailedEntryCount > 0 {
		return attempt.Again(errors.New("an entry failed"))
	}
	return nil
}
