package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
)

// shelf is RDS as far as a restore sees it.
type shelf struct {
	t         *testing.T
	clusters  map[string]*types.DBCluster
	instances map[string]*types.DBInstance
	snapshots []types.DBClusterSnapshot
	late      int    // answers in which what was made is not visible yet
	ends      string // status of a restored cluster, when it is no longer creating
	calls     int
	stopAt    int
	made      []string
}

var restorableTo = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

var errStopped = errors.New("the connection is lost")

func newShelf(t *testing.T) *shelf {
	running := &types.DBCluster{
		DBClusterIdentifier: aws.String("wallet-production-sa-east-1"), Status: aws.String("available"), Engine: aws.String("aurora-mysql"),
		DBSubnetGroup: aws.String("subnets"), DBClusterParameterGroup: aws.String("tls-only"),
		VpcSecurityGroups:      []types.VpcSecurityGroupMembership{{VpcSecurityGroupId: aws.String("sg-1")}},
		EarliestRestorableTime: aws.Time(restorableTo.AddDate(0, 0, -35)), LatestRestorableTime: aws.Time(restorableTo),
		DBClusterMembers: []types.DBClusterMember{{DBInstanceIdentifier: aws.String("writer")}},
	}
	snapshot := func(name, of string, day int, status string) types.DBClusterSnapshot {
		return types.DBClusterSnapshot{DBClusterSnapshotIdentifier: &name, DBClusterSnapshotArn: aws.String("arn:aws:rds:sa-east-1:123456789012:cluster-snapshot:" + name), DBClusterIdentifier: &of,
			SnapshotCreateTime: aws.Time(restorableTo.AddDate(0, 0, -day)), Status: &status}
	}
	return &shelf{
		t: t, ends: "available", clusters: map[string]*types.DBCluster{"wallet-production-sa-east-1": running},
		instances: map[string]*types.DBInstance{"writer": {DBInstanceStatus: aws.String("available"), CACertificateIdentifier: aws.String("rds-ca-rsa2048-g1"),
			DBParameterGroups: []types.DBParameterGroupStatus{{DBParameterGroupName: aws.String("instances")}}}},
		snapshots: []types.DBClusterSnapshot{
			snapshot("awsbackup:job-old", "wallet-production-sa-east-1", 3, "available"), snapshot("awsbackup:job-new", "wallet-production-sa-east-1", 1, "available"),
			snapshot("awsbackup:job-copying", "wallet-production-sa-east-1", 0, "creating"), snapshot("awsbackup:job-other", "ledger", 0, "available"),
		},
	}
}

// call counts; an interruption comes after the effect, as that of a lost answer.
func (s *shelf) call() error {
	if s.calls++; s.calls == s.stopAt {
		return errStopped
	}
	return nil
}

func (s *shelf) DescribeDBClusters(_ context.Context, in *rds.DescribeDBClustersInput, _ ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error) {
	found := s.clusters[*in.DBClusterIdentifier]
	if found == nil || s.late > 0 && found.DBSubnetGroup == nil {
		s.late--
		return nil, cmpError(s.call(), &types.DBClusterNotFoundFault{})
	}
	answer := *found
	if aws.ToString(found.Status) == "creating" {
		found.Status = &s.ends
	}
	return &rds.DescribeDBClustersOutput{DBClusters: []types.DBCluster{answer}}, s.call()
}

func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func (s *shelf) DescribeDBInstances(_ context.Context, in *rds.DescribeDBInstancesInput, _ ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error) {
	found := s.instances[*in.DBInstanceIdentifier]
	if found == nil {
		return nil, cmpError(s.call(), &types.DBInstanceNotFoundFault{})
	}
	answer := *found
	found.DBInstanceStatus = aws.String("available")
	return &rds.DescribeDBInstancesOutput{DBInstances: []types.DBInstance{answer}}, s.call()
}

// Pages of one, as small as they may be.
func (s *shelf) DescribeDBClusterSnapshots(_ context.Context, in *rds.DescribeDBClusterSnapshotsInput, _ ...func(*rds.Options)) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	at := 0
	if in.Marker != nil {
		_, _ = fmt.Sscan(*in.Marker, &at)
	}
	out := &rds.DescribeDBClusterSnapshotsOutput{DBClusterSnapshots: s.snapshots[at : at+1]}
	if at+1 < len(s.snapshots) {
		out.Marker = new(fmt.Sprint(at + 1))
	}
	return out, s.call()
}

func (s *shelf) restored(name string, tags []types.Tag, groups []string, parameters *string) error {
	assert.Equal(s.t, []string{"sg-1"}, groups)
	assert.Equal(s.t, "tls-only", aws.ToString(parameters), "the restored cluster accepts plain connections")
	if s.clusters[name] != nil {
		return &types.DBClusterAlreadyExistsFault{}
	}
	s.clusters[name] = &types.DBCluster{Status: aws.String("creating"), Engine: aws.String("aurora-mysql"), Endpoint: aws.String("restored.example"), TagList: tags}
	s.made = append(s.made, name)
	return s.call()
}

func (s *shelf) RestoreDBClusterToPointInTime(_ context.Context, in *rds.RestoreDBClusterToPointInTimeInput, _ ...func(*rds.Options)) (*rds.RestoreDBClusterToPointInTimeOutput, error) {
	assert.Equal(s.t, "wallet-production-sa-east-1", *in.SourceDBClusterIdentifier)
	return &rds.RestoreDBClusterToPointInTimeOutput{}, s.restored(*in.DBClusterIdentifier, in.Tags, in.VpcSecurityGroupIds, in.DBClusterParameterGroupName)
}

func (s *shelf) RestoreDBClusterFromSnapshot(_ context.Context, in *rds.RestoreDBClusterFromSnapshotInput, _ ...func(*rds.Options)) (*rds.RestoreDBClusterFromSnapshotOutput, error) {
	assert.Equal(s.t, "arn:aws:rds:sa-east-1:123456789012:cluster-snapshot:awsbackup:job-new", *in.SnapshotIdentifier)
	return &rds.RestoreDBClusterFromSnapshotOutput{}, s.restored(*in.DBClusterIdentifier, in.Tags, in.VpcSecurityGroupIds, in.DBClusterParameterGroupName)
}

// An instance can be made only when the cluster is available:
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterToPointInTime.html
func (s *shelf) CreateDBInstance(_ context.Context, in *rds.CreateDBInstanceInput, _ ...func(*rds.Options)) (*rds.CreateDBInstanceOutput, error) {
	cluster := s.clusters[*in.DBClusterIdentifier]
	if cluster == nil || aws.ToString(cluster.Status) != "available" {
		return nil, &types.InvalidDBClusterStateFault{}
	}
	assert.Equal(s.t, "instances", aws.ToString(in.DBParameterGroupName))
	assert.Equal(s.t, "db."+config.Production().Database.InstanceType, *in.DBInstanceClass)
	if s.instances[*in.DBInstanceIdentifier] != nil {
		return nil, &types.DBInstanceAlreadyExistsFault{}
	}
	s.instances[*in.DBInstanceIdentifier] = &types.DBInstance{DBInstanceStatus: aws.String("creating")}
	s.made = append(s.made, *in.DBInstanceIdentifier)
	return &rds.CreateDBInstanceOutput{}, s.call()
}

func (s *shelf) restore(options Options) (string, error) {
	env := config.Production()
	region, err := options.Where(env)
	if err != nil {
		return "", err
	}
	var said bytes.Buffer
	made := restore{
		Session:  cdk.Session{Env: env, Console: console.Console{Out: &said}},
		database: s, options: options, region: region, name: env.Names().RestoredClusterName(region),
	}
	synctest.Test(s.t, func(t *testing.T) {
		var from origin
		if from, err = made.prepare(t.Context()); err == nil {
			err = made.run(t.Context(), from)
		}
	})
	return said.String(), err
}

var (
	toTime   = Options{ToTime: "2026-01-30T12:00:00Z"}
	snapshot = Options{Snapshot: "latest"}
	both     = []string{"wallet-production-sa-east-1-restored", "wallet-production-sa-east-1-restored-1"}
)

func TestARestoreEndsWithAClusterThatAnswers(t *testing.T) {
	for name, options := range map[string]Options{"to a moment": toTime, "from the vault": snapshot} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.late = 2
			said, err := s.restore(options)
			require.NoError(t, err)
			assert.Equal(t, both, s.made)
			assert.Contains(t, said, "answers at restored.example")
		})
	}
}

func TestAnInterruptedRestoreMakesNothingTwice(t *testing.T) {
	for name, options := range map[string]Options{"to a moment": toTime, "from the vault": snapshot} {
		whole := newShelf(t)
		_, err := whole.restore(options)
		require.NoError(t, err)
		for stop := 1; stop <= whole.calls; stop++ {
			t.Run(fmt.Sprint(name, stop), func(t *testing.T) {
				s := newShelf(t)
				s.stopAt = stop
				_, err := s.restore(options)
				require.ErrorIs(t, err, errStopped)
				_, err = s.restore(options)
				require.NoError(t, err)
				assert.Equal(t, both, s.made)
			})
		}
	}
}

func TestARestoreThatFailsSaysSo(t *testing.T) {
	s := newShelf(t)
	s.ends = "restore-error"
	_, err := s.restore(toTime)
	assert.ErrorContains(t, err, "restore-error")
	assert.Equal(t, both[:1], s.made)
}

func TestARestoreToAnotherMomentDoesNotPassForTheFirst(t *testing.T) {
	s := newShelf(t)
	_, err := s.restore(toTime)
	require.NoError(t, err)
	_, err = s.restore(Options{ToTime: "2026-01-29T12:00:00Z"})
	assert.ErrorContains(t, err, "delete it first")
}

func TestARestoreIsRefusedBeforeAnythingIsMade(t *testing.T) {
	for want, options := range map[string]Options{
		"want one of --to-time and --snapshot":      {},
		"want one of":                               {ToTime: "2026-01-30T12:00:00Z", Snapshot: "latest"},
		"--to-time: want a moment of the past":      {ToTime: "yesterday"},
		"can be restored from 2025-12-27T12:00:00Z": {ToTime: "2026-01-31T12:00:01Z"},
		"--region: want sa-east-1 or us-east-1":     {Snapshot: "latest", Region: "us-west-2"},
		"name --subnet-group and --security-group":  {Snapshot: "latest", Region: "us-east-1"},
		"has no cluster in us-east-1: only a snapshot": {
			ToTime: "2026-01-30T12:00:00Z", Region: "us-east-1", SubnetGroup: "s", SecurityGroup: "sg",
		},
		`no snapshot "awsbackup:job-none"`: {Snapshot: "awsbackup:job-none"},
	} {
		s := newShelf(t)
		_, err := s.restore(options)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, exit.Refused, exit.Of(err), want)
		assert.Empty(t, slices.Clone(s.made))
	}
}

// A person in an emergency learns of a wrong name before signing in, and of all of them
// at once.
func TestASnapshotThatCannotBeOneIsRefusedAtOnce(t *testing.T) {
	for _, name := range []string{"latests", "arn:none", "wallet-production", "awsbackup:", "arn:aws:rds:sa-east-1:1:cluster-snapshot:awsbackup:job-1", "awsbackup:job 1", "rds:automatic"} {
		_, err := Options{Snapshot: name, Region: "us-west-2"}.Where(config.Production())
		assert.ErrorContains(t, err, "--snapshot: want latest, or a recovery point of AWS Backup", name)
		assert.ErrorContains(t, err, "--region: want")
	}
	for _, name := range []string{"latest", "awsbackup:copyjob-1-2", "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:awsbackup:job-1-2-3"} {
		_, err := Options{Snapshot: name}.Where(config.Production())
		assert.NoError(t, err, name)
	}
}
