package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/stretchr/testify/assert"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// world answers as AWS would: secrets with one status after the other, the last one
// for ever, and exports in pages.
type world struct {
	replicas map[string][][]types.ReplicationStatusType
	asked    map[string]int
	exports  [][]rdstypes.ExportTask
	created  time.Time
	denied   error
	waited   time.Duration
}

func (w *world) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	answers := w.replicas[*in.SecretId]
	if w.denied != nil {
		return nil, w.denied
	}
	turn := min(w.asked[*in.SecretId], len(answers)-1)
	w.asked[*in.SecretId]++
	return &secretsmanager.DescribeSecretOutput{ReplicationStatus: answers[turn]}, nil
}

func (w *world) DescribeExportTasks(_ context.Context, in *rds.DescribeExportTasksInput, _ ...func(*rds.Options)) (*rds.DescribeExportTasksOutput, error) {
	if aws.ToString(in.SourceArn) != "cluster" {
		return nil, errors.New("exports of another cluster")
	}
	page := 0
	if in.Marker != nil {
		page = 1
	}
	if page >= len(w.exports) {
		return &rds.DescribeExportTasksOutput{}, nil
	}
	out := &rds.DescribeExportTasksOutput{ExportTasks: w.exports[page]}
	if page+1 < len(w.exports) {
		out.Marker = aws.String("more")
	}
	return out, nil
}

func (w *world) DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	return &rds.DescribeDBClustersOutput{DBClusters: []rdstypes.DBCluster{{ClusterCreateTime: &w.created}}}, nil
}

// good is a world in which every copy is.
func good() *world {
	synced := []types.ReplicationStatusType{{Region: aws.String("us-east-1"), Status: types.StatusTypeInSync}}
	return &world{
		replicas: map[string][][]types.ReplicationStatusType{"admin": {synced}, "app": {synced}},
		asked:    map[string]int{},
		exports:  [][]rdstypes.ExportTask{{export("COMPLETE", 100*24*time.Hour)}, {export("COMPLETE", 24*time.Hour)}},
		created:  now.Add(-1000 * 24 * time.Hour),
	}
}

func export(status string, ago time.Duration) rdstypes.ExportTask {
	at := now.Add(-ago)
	return rdstypes.ExportTask{Status: &status, TaskStartTime: &at, TaskEndTime: &at, FailureCause: aws.String("the reason")}
}

func replica(status types.StatusType) []types.ReplicationStatusType {
	return []types.ReplicationStatusType{{Region: aws.String("us-east-1"), Status: status, StatusMessage: aws.String("the reason")}}
}

func run(w *world) error {
	h := handler{secrets: w, rds: w, replicated: []string{"admin", "app"}, cluster: "cluster", oldest: 35 * 24 * time.Hour,
		now:  func() time.Time { return now },
		wait: func(_ context.Context, d time.Duration) error { w.waited += d; return nil }}
	return h.handle(context.Background())
}

func TestGoodCopiesRaiseNothing(t *testing.T) {
	assert.NoError(t, run(good()))
}

func TestAStandbyWhosePasswordDoesNotFollowIsReported(t *testing.T) {
	for name, test := range map[string]struct {
		answers [][]types.ReplicationStatusType
		want    string
	}{
		"the copy failed":             {[][]types.ReplicationStatusType{replica(types.StatusTypeFailed)}, "app: the replica in us-east-1 is Failed: the reason"},
		"the replica was removed":     {[][]types.ReplicationStatusType{{}}, "app has no replica"},
		"the copy never ends":         {[][]types.ReplicationStatusType{replica(types.StatusTypeInProgress)}, "app: the replica in us-east-1 is InProgress: the reason"},
		"the copy fails on the way":   {[][]types.ReplicationStatusType{replica(types.StatusTypeInProgress), replica(types.StatusTypeFailed)}, "app: the replica in us-east-1 is Failed: the reason"},
		"a status that nobody knows":  {[][]types.ReplicationStatusType{replica("Paused")}, "app: the replica in us-east-1 is Paused: the reason"},
		"one of two replicas is lost": {[][]types.ReplicationStatusType{append(replica(types.StatusTypeInSync), replica(types.StatusTypeFailed)...)}, "app: the replica in us-east-1 is Failed: the reason"},
	} {
		w := good()
		w.replicas["app"] = test.answers
		assert.EqualError(t, run(w), test.want, name)
	}
}

func TestARotationUnderWayIsNoAlarm(t *testing.T) {
	w := good()
	w.replicas["app"] = [][]types.ReplicationStatusType{replica(types.StatusTypeInProgress), replica(types.StatusTypeInProgress), replica(types.StatusTypeInSync)}
	assert.NoError(t, run(w))
	assert.Equal(t, 2*pause, w.waited)
}

func TestALongTermBackupThatIsNotWrittenIsReported(t *testing.T) {
	for name, test := range map[string]struct {
		exports [][]rdstypes.ExportTask
		want    string
	}{
		"never":                     {nil, `the last one, of 0001-01-01T00:00:00Z, is "": `},
		"too long ago":              {[][]rdstypes.ExportTask{{export("COMPLETE", 36*24*time.Hour)}}, `of 2026-10-25T12:00:00Z, is "COMPLETE"`},
		"failed":                    {[][]rdstypes.ExportTask{{export("COMPLETE", 60*24*time.Hour)}, {export("FAILED", time.Hour)}}, `is "FAILED": the reason`},
		"begun and not ended":       {[][]rdstypes.ExportTask{{export("IN_PROGRESS", time.Hour)}}, `is "IN_PROGRESS"`},
		"cancelled by somebody":     {[][]rdstypes.ExportTask{{export("CANCELED", time.Hour)}}, `is "CANCELED"`},
		"a status that is not ours": {[][]rdstypes.ExportTask{{export("complete?", time.Hour)}}, `is "complete?"`},
	} {
		w := good()
		w.exports = test.exports
		assert.ErrorContains(t, run(w), test.want, name)
	}
}

func TestANewDatabaseNeedsNoExportYet(t *testing.T) {
	w := good()
	w.exports, w.created = nil, now.Add(-24*time.Hour)
	assert.NoError(t, run(w))
}

func TestWhatCannotBeAskedIsNotGood(t *testing.T) {
	w := good()
	w.denied = errors.New("AccessDeniedException")
	assert.EqualError(t, run(w), "admin: AccessDeniedException\napp: AccessDeniedException")
}

func TestTheReportComesBeforeLambdaEndsTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		killed, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		moving := []types.ReplicationStatusType{{Region: aws.String("us-east-1"), Status: types.StatusTypeInProgress}}
		w := &world{replicas: map[string][][]types.ReplicationStatusType{"a": {moving}, "b": {moving}}, asked: map[string]int{}}
		h := handler{secrets: w, rds: w, replicated: []string{"a", "b"}, cluster: "cluster", oldest: time.Hour, now: time.Now, wait: wait}
		err := h.handle(killed)
		assert.NoError(t, killed.Err(), "Lambda killed the function, and nobody learns which copy is missing")
		assert.ErrorContains(t, err, "b: the replica in us-east-1 is InProgress")
	})
}
