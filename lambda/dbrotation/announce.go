package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
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

// announce says on the account's default bus that the application's password is
// another one: tasks read theirs when they start. The administrator's, a secret
// without a master, concerns no task.
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
	out, err := r.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: new(eventSource), DetailType: new(eventType), Resources: []string{r.secret}, Detail: new(string(detail)),
	}}})
	if err != nil {
		return fmt.Errorf("announce the new password: %w", err)
	}
	// EventBridge refuses single entries of a call that succeeds.
	if out.FailedEntryCount > 0 {
		err := errors.New("an entry failed")
		for _, entry := range out.Entries {
			if entry.ErrorCode != nil {
				err = fmt.Errorf("%s: %s", *entry.ErrorCode, aws.ToString(entry.ErrorMessage))
			}
		}
		return fmt.Errorf("announce the new password: %w", err)
	}
	return nil
}
