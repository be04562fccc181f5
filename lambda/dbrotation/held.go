package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"wallet-infra/lambda/internal/taskage"
	"wallet-infra/lambda/internal/walletdb"
)

// notHeld refuses to take a user that a running task may still log in with: the
// current one's alternate, which tasks hold that are older than the current version.
func (r rotation) notHeld(ctx context.Context, wanted, now walletdb.Credentials) error {
	never, err := r.neverGiven(ctx, wanted.Username, now.Username)
	if err != nil || never {
		return err
	}
	since, err := r.currentSince(ctx)
	if err != nil {
		return err
	}
	for _, region := range r.regions {
		oldest, exists, err := taskage.Oldest(ctx, region.tasks, r.cluster, r.service)
		if err != nil {
			return fmt.Errorf("%s: %w", region.name, err)
		}
		if exists && !oldest.Created.After(since.Add(region.delay)) {
			return fmt.Errorf("the task %s in %s is older than the current password and may log in as %s, whose password would change: deploy the service in %s first",
				oldest.ARN, region.name, wanted.Username, region.name)
		}
	}
	return nil
}

// neverGiven tells whether no task can hold the user, because it is the second one
// and the secret has never named it.
func (r rotation) neverGiven(ctx context.Context, user, now string) (bool, error) {
	if base, _ := walletdb.Alternates(now); r.rotated != nil || base != now {
		return false, nil
	}
	value, err := r.version(ctx, previous)
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	// The first version of all has no host yet, so it is no complete one.
	var before struct{ Username string }
	if json.Unmarshal([]byte(aws.ToString(value.SecretString)), &before) != nil {
		return false, errors.New("the version " + previous + ": want a JSON object")
	}
	return before.Username != user, nil
}

// currentSince is when the current version became that, or later: the end of the
// rotation that made it. A version that no rotation finished, or that a person
// stored, was current before this rotation began.
func (r rotation) currentSince(ctx context.Context) (time.Time, error) {
	now, err := r.version(ctx, current)
	if err != nil {
		return time.Time{}, err
	}
	if r.rotated != nil && !r.rotated.Before(aws.ToTime(now.CreatedDate)) {
		return *r.rotated, nil
	}
	next, err := r.version(ctx, pending)
	if err != nil {
		return time.Time{}, err
	}
	return aws.ToTime(next.CreatedDate), nil
}
