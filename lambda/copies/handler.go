package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"wallet-infra/lambda/internal/attempt"
)

// A replica is in progress for seconds after a rotation: it is asked for again
// before it counts as one that does not follow.
const (
	attempts = 4
	pause    = 20 * time.Second
	// reserve is kept of the function's time to say which copy is not good.
	reserve = 10 * time.Second
)

// handler asks for everything in each run.
type handler struct {
	secrets secrets
	rds     database
	// replicated are the secrets that must have replicas, by ARN; none outside standby.
	replicated []string
	// cluster is the ARN of the database, and oldest the age from which its newest
	// export is too old.
	cluster string
	oldest  time.Duration
	now     func() time.Time
	wait    func(ctx context.Context, d time.Duration) error
}

// secrets is what is asked of Secrets Manager.
type secrets interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
}

// database is what is asked of RDS.
type database interface {
	rds.DescribeExportTasksAPIClient
	rds.DescribeDBClustersAPIClient
}

// handle reports every copy that is not good.
func (h handler) handle(ctx context.Context) error {
	ctx, cancel := attempt.WithReserve(ctx, reserve)
	defer cancel()
	var problems []error
	for _, secret := range h.replicated {
		problems = append(problems, h.checkReplicas(ctx, secret))
	}
	return errors.Join(append(problems, h.checkExports(ctx))...)
}

// checkReplicas wants every replica in sync. A secret without a replica is one whose
// first copy failed: Secrets Manager removes it then ("Troubleshoot AWS Secrets
// Manager replication").
func (h handler) checkReplicas(ctx context.Context, secret string) error {
	for try := 1; ; try++ {
		answer, err := h.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
		if err != nil {
			return fmt.Errorf("%s: %w", secret, err)
		}
		if len(answer.ReplicationStatus) == 0 {
			return fmt.Errorf("%s has no replica", secret)
		}
		var problems []error
		moving := false
		for _, replica := range answer.ReplicationStatus {
			if replica.Status != types.StatusTypeInSync {
				problems = append(problems, fmt.Errorf("%s: the replica in %s is %s: %s",
					secret, aws.ToString(replica.Region), replica.Status, aws.ToString(replica.StatusMessage)))
			}
			moving = moving || replica.Status == types.StatusTypeInProgress
		}
		if !moving || try == attempts {
			return errors.Join(problems...)
		}
		if err := h.wait(ctx, pause); err != nil {
			return errors.Join(append(problems, err)...)
		}
	}
}

// checkExports wants a complete export of the database that is young enough, once the
// database itself is older.
func (h handler) checkExports(ctx context.Context) error {
	limit := h.now().Add(-h.oldest)
	var last rdstypes.ExportTask
	pages := rds.NewDescribeExportTasksPaginator(h.rds, &rds.DescribeExportTasksInput{SourceArn: &h.cluster})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("exports of %s: %w", h.cluster, err)
		}
		for _, task := range page.ExportTasks {
			if aws.ToString(task.Status) == "COMPLETE" && aws.ToTime(task.TaskEndTime).After(limit) {
				return nil
			}
			if aws.ToTime(task.TaskStartTime).After(aws.ToTime(last.TaskStartTime)) {
				last = task
			}
		}
	}
	answer, err := h.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &h.cluster})
	if err != nil {
		return fmt.Errorf("the age of %s: %w", h.cluster, err)
	}
	if len(answer.DBClusters) == 1 && aws.ToTime(answer.DBClusters[0].ClusterCreateTime).After(limit) {
		return nil
	}
	return fmt.Errorf("%s has no complete export of the last %v; the last one, of %s, is %q: %s", h.cluster, h.oldest,
		aws.ToTime(last.TaskStartTime).Format(time.RFC3339), aws.ToString(last.Status), aws.ToString(last.FailureCause))
}

// wait sleeps unless the time of the function is over first.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
