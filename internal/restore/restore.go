// Package restore makes a second cluster of an earlier moment beside the database, with
// the first one's network and parameters. It changes nothing of what runs.
package restore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/poll"
)

// Options are the choices of a restore.
type Options struct {
	// ToTime is the moment to restore to, in RFC 3339; Snapshot is a recovery point of
	// AWS Backup, which for Aurora is a cluster snapshot, or "latest". One is given.
	ToTime, Snapshot string
	Region           string // empty for the first one
	// SubnetGroup and SecurityGroup are for a region that has no cluster to take them
	// from.
	SubnetGroup, SecurityGroup string
	Yes                        bool // do not ask
}

// latest chooses the newest snapshot.
const latest = "latest"

// snapshotName is the name that AWS Backup gives to a recovery point of Aurora, or its
// ARN: https://docs.aws.amazon.com/aws-backup/latest/devguide/recovery-points.html
var snapshotName = regexp.MustCompile(`^(arn:aws:rds:[a-z0-9-]+:\d{12}:cluster-snapshot:)?awsbackup:[a-z0-9-]+$`)

// Where judges the options, all at once, and says in which region is restored.
func (o Options) Where(env config.Environment) (config.Region, error) {
	var problems []error
	if (o.ToTime == "") == (o.Snapshot == "") {
		problems = append(problems, errors.New("want one of --to-time and --snapshot"))
	}
	if o.ToTime != "" {
		if at, err := time.Parse(time.RFC3339, o.ToTime); err != nil || at.After(time.Now()) {
			problems = append(problems, fmt.Errorf("--to-time: want a moment of the past such as 2026-01-31T12:00:00Z, got %q", o.ToTime))
		}
	}
	if o.Snapshot != "" && o.Snapshot != latest && !snapshotName.MatchString(o.Snapshot) {
		problems = append(problems, fmt.Errorf("--snapshot: want latest, or a recovery point of AWS Backup such as arn:aws:rds:%s:%s:cluster-snapshot:awsbackup:job-…, got %q",
			env.Primary.Name, env.Site.Account, o.Snapshot))
	}
	region := env.Primary
	switch o.Region {
	case "", env.Primary.Name:
	case env.Secondary.Name:
		region = env.Secondary
	default:
		problems = append(problems, fmt.Errorf("--region: want %s or %s, got %q", env.Primary.Name, env.Secondary.Name, o.Region))
	}
	return region, errors.Join(problems...)
}

// databaseAPI is what a restore needs of RDS.
type databaseAPI interface {
	DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error)
	DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error)
	DescribeDBClusterSnapshots(context.Context, *rds.DescribeDBClusterSnapshotsInput, ...func(*rds.Options)) (*rds.DescribeDBClusterSnapshotsOutput, error)
	RestoreDBClusterToPointInTime(context.Context, *rds.RestoreDBClusterToPointInTimeInput, ...func(*rds.Options)) (*rds.RestoreDBClusterToPointInTimeOutput, error)
	RestoreDBClusterFromSnapshot(context.Context, *rds.RestoreDBClusterFromSnapshotInput, ...func(*rds.Options)) (*rds.RestoreDBClusterFromSnapshotOutput, error)
	CreateDBInstance(context.Context, *rds.CreateDBInstanceInput, ...func(*rds.Options)) (*rds.CreateDBInstanceOutput, error)
}

const (
	// tagRestored says on a restored cluster what it was made from.
	tagRestored = "RestoredFrom"
	pollRestore = 30 * time.Second
	// longestRestore is when waiting ends; RDS goes on, and so does the same command.
	longestRestore = 12 * time.Hour
)

// restore makes a second cluster beside the damaged one.
type restore struct {
	cdk.Session
	database databaseAPI
	options  Options
	region   config.Region
	name     string // of the cluster that is made
}

// Run makes a cluster of an earlier moment beside the one that runs, with its network,
// its parameters and an instance, and waits for each. It goes on where it was when it
// is run again. RDS restores AWS Backup's snapshots of Aurora like its own, with the
// caller's permissions.
func Run(ctx context.Context, with cdk.Session, options Options) error {
	region, err := options.Where(with.Env)
	if err != nil {
		return err
	}
	end, err := with.Begin(ctx, "restore")
	if err != nil {
		return err
	}
	defer end()
	made := restore{Session: with, database: rds.NewFromConfig(with.Account.Writing(region.Name)), options: options, region: region,
		name: with.Env.Names().RestoredClusterName(region)}
	source, err := made.prepare(ctx)
	if err != nil {
		return account.Refused(err)
	}
	question := fmt.Sprintf("A cluster %s is made in %s, as of %s. It costs what the database costs until it is deleted.", made.name, region.Name, source.of)
	if err := with.Console.Approve(ctx, question, options.Yes); err != nil {
		return err
	}
	if err := made.run(ctx, source); err != nil {
		if ctx.Err() != nil {
			return exit.With(exit.Interrupted, "interrupted: RDS goes on; run the same command again to wait")
		}
		return exit.With(exit.Failed, "%s. What runs is untouched; run the same command again, or delete %s", account.Explain(err), made.name)
	}
	return nil
}

// origin is what a restored cluster is made from and made like.
type origin struct {
	of, snapshot       string
	at                 time.Time
	subnets            string
	groups             []string
	clusterParameters  *string
	instanceParameters *string
	authority          *string
}

// prepare looks at the cluster that runs and at what is asked for, and changes nothing.
func (r restore) prepare(ctx context.Context) (origin, error) {
	made := origin{subnets: r.options.SubnetGroup}
	if r.options.SecurityGroup != "" {
		made.groups = []string{r.options.SecurityGroup}
	}
	running, err := r.cluster(ctx, r.Env.Names().DatabaseClusterName(r.region))
	if err != nil {
		return made, err
	}
	if running != nil {
		if made, err = r.like(ctx, *running, made); err != nil {
			return made, err
		}
	}
	if made.subnets == "" || len(made.groups) == 0 {
		return made, exit.With(exit.Refused, "%s has no cluster in %s to take the network from: name --subnet-group and --security-group", r.Env.Name, r.region.Name)
	}
	if r.options.ToTime != "" {
		return r.moment(running, made)
	}
	return r.point(ctx, made)
}

// like takes network and parameters from the cluster that runs.
func (r restore) like(ctx context.Context, running types.DBCluster, made origin) (origin, error) {
	if made.subnets == "" {
		made.subnets = aws.ToString(running.DBSubnetGroup)
	}
	if len(made.groups) == 0 {
		for _, group := range running.VpcSecurityGroups {
			made.groups = append(made.groups, aws.ToString(group.VpcSecurityGroupId))
		}
	}
	// Without its parameters the restored cluster would accept plain connections.
	made.clusterParameters = running.DBClusterParameterGroup
	if len(running.DBClusterMembers) == 0 {
		return made, nil
	}
	member, err := r.instance(ctx, aws.ToString(running.DBClusterMembers[0].DBInstanceIdentifier))
	if err == nil && member != nil {
		made.authority = member.CACertificateIdentifier
		if len(member.DBParameterGroups) > 0 {
			made.instanceParameters = member.DBParameterGroups[0].DBParameterGroupName
		}
	}
	return made, err
}

// moment checks that the cluster can be restored to the time that is asked for.
func (r restore) moment(running *types.DBCluster, made origin) (origin, error) {
	if running == nil {
		return made, exit.With(exit.Refused, "%s has no cluster in %s: only a snapshot can be restored there", r.Env.Name, r.region.Name)
	}
	made.at, _ = time.Parse(time.RFC3339, r.options.ToTime) // judged before
	made.of = r.options.ToTime
	first, last := aws.ToTime(running.EarliestRestorableTime), aws.ToTime(running.LatestRestorableTime)
	if made.at.Before(first) || made.at.After(last) {
		return made, exit.With(exit.Refused, "--to-time: %s can be restored from %s to %s, got %s", aws.ToString(running.DBClusterIdentifier),
			first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339), r.options.ToTime)
	}
	return made, nil
}

// point finds the snapshot that is asked for.
func (r restore) point(ctx context.Context, made origin) (origin, error) {
	input := &rds.DescribeDBClusterSnapshotsInput{SnapshotType: aws.String("awsbackup")}
	var found []types.DBClusterSnapshot
	for {
		page, err := r.database.DescribeDBClusterSnapshots(ctx, input)
		if err != nil {
			return made, err
		}
		for _, snapshot := range page.DBClusterSnapshots {
			ours := aws.ToString(snapshot.DBClusterIdentifier) == r.Env.Names().DatabaseClusterName(r.Env.Primary) ||
				aws.ToString(snapshot.DBClusterIdentifier) == r.Env.Names().DatabaseClusterName(r.Env.Secondary)
			wanted := slices.Contains([]string{latest, aws.ToString(snapshot.DBClusterSnapshotArn), aws.ToString(snapshot.DBClusterSnapshotIdentifier)}, r.options.Snapshot)
			if aws.ToString(snapshot.Status) == "available" && ours && wanted {
				found = append(found, snapshot)
			}
		}
		if input.Marker = page.Marker; aws.ToString(page.Marker) == "" {
			break
		}
	}
	if len(found) == 0 {
		return made, exit.With(exit.Refused, "--snapshot: %s has no snapshot %q of the database that is available", r.region.Name, r.options.Snapshot)
	}
	newest := slices.MaxFunc(found, func(a, b types.DBClusterSnapshot) int {
		return aws.ToTime(a.SnapshotCreateTime).Compare(aws.ToTime(b.SnapshotCreateTime))
	})
	made.snapshot = aws.ToString(newest.DBClusterSnapshotArn)
	made.of = made.snapshot + " of " + aws.ToTime(newest.SnapshotCreateTime).UTC().Format(time.RFC3339)
	return made, nil
}

// run restores the volume, waits for it, adds an instance and waits for that.
func (r restore) run(ctx context.Context, from origin) error {
	existing, err := r.cluster(ctx, r.name)
	if err != nil {
		return err
	}
	if existing == nil {
		if err := r.begin(ctx, from); err != nil {
			return err
		}
	} else if was := tagOfCluster(*existing); was != from.mark() {
		return fmt.Errorf("%s exists already and was made from %q: delete it first", r.name, was)
	}
	var ready *types.DBCluster
	if err := r.wait(ctx, "cluster "+r.name, func() (string, error) {
		ready, err = r.cluster(ctx, r.name)
		if err != nil || ready == nil {
			return "not visible yet", err
		}
		return aws.ToString(ready.Status), nil
	}); err != nil {
		return err
	}
	if err := r.addInstance(ctx, from, aws.ToString(ready.Engine)); err != nil {
		return err
	}
	r.Console.Say("%s answers at %s, to whom %s did. It has the users and passwords of its day (docs/RUNBOOK.md#restore-the-database).", r.name, aws.ToString(ready.Endpoint), r.Env.Names().DatabaseClusterName(r.region))
	r.Console.Say("When it is no longer needed:\n  aws rds delete-db-instance --region %[1]s --db-instance-identifier %[2]s\n  aws rds delete-db-cluster --region %[1]s --db-cluster-identifier %[3]s --skip-final-snapshot", r.region.Name, r.instanceName(), r.name)
	return nil
}

// mark is the origin as the tag has it: a snapshot's own ARN, or the moment.
func (o origin) mark() string {
	if o.snapshot != "" {
		return o.snapshot
	}
	return o.of
}

func tagOfCluster(cluster types.DBCluster) string {
	for _, tag := range cluster.TagList {
		if aws.ToString(tag.Key) == tagRestored {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}

// begin asks RDS for the cluster.
func (r restore) begin(ctx context.Context, from origin) error {
	tags := []types.Tag{{Key: aws.String(tagRestored), Value: new(from.mark())}, {Key: aws.String("Environment"), Value: &r.Env.Name}}
	if from.snapshot == "" {
		_, err := r.database.RestoreDBClusterToPointInTime(ctx, &rds.RestoreDBClusterToPointInTimeInput{
			SourceDBClusterIdentifier: new(r.Env.Names().DatabaseClusterName(r.region)), DBClusterIdentifier: &r.name, RestoreToTime: &from.at,
			DBSubnetGroupName: &from.subnets, VpcSecurityGroupIds: from.groups, DBClusterParameterGroupName: from.clusterParameters,
			EnableIAMDatabaseAuthentication: aws.Bool(true), Tags: tags,
		})
		return err
	}
	_, err := r.database.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{
		SnapshotIdentifier: &from.snapshot, DBClusterIdentifier: &r.name, Engine: aws.String("aurora-mysql"),
		DBSubnetGroupName: &from.subnets, VpcSecurityGroupIds: from.groups, DBClusterParameterGroupName: from.clusterParameters,
		EnableIAMDatabaseAuthentication: aws.Bool(true), Tags: tags,
	})
	return err
}

func (r restore) instanceName() string { return r.name + "-1" }

// addInstance gives the volume the one instance that answers.
func (r restore) addInstance(ctx context.Context, from origin, engine string) error {
	_, err := r.database.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new(r.instanceName()), DBClusterIdentifier: &r.name, Engine: &engine, DBInstanceClass: new("db." + r.Env.Database.InstanceType),
		DBParameterGroupName: from.instanceParameters, CACertificateIdentifier: from.authority,
		PubliclyAccessible: aws.Bool(false), AutoMinorVersionUpgrade: aws.Bool(false),
	})
	if err != nil && account.Code(err) != "DBInstanceAlreadyExists" {
		return err
	}
	return r.wait(ctx, "instance "+r.instanceName(), func() (string, error) {
		found, err := r.instance(ctx, r.instanceName())
		if err != nil || found == nil {
			return "not visible yet", err
		}
		return aws.ToString(found.DBInstanceStatus), nil
	})
}

// wait looks until the status is available, and says each change of it.
func (r restore) wait(ctx context.Context, what string, status func() (string, error)) error {
	said := ""
	err := poll.Until(ctx, pollRestore, longestRestore, func() (bool, error) {
		now, err := status()
		if err != nil {
			return false, err
		}
		if now != said {
			r.Console.Say("%s: %s", what, now)
			said = now
		}
		if strings.Contains(now, "fail") || strings.Contains(now, "error") || strings.HasPrefix(now, "inaccessible") || strings.HasPrefix(now, "incompatible") {
			return false, fmt.Errorf("%s is %s", what, now)
		}
		return now == "available", nil
	})
	if errors.Is(err, poll.ErrTooLong) {
		return fmt.Errorf("%s is not available after %s", what, longestRestore)
	}
	return err
}

// cluster is a cluster as RDS has it, or nil.
func (r restore) cluster(ctx context.Context, name string) (*types.DBCluster, error) {
	found, err := r.database.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	if account.Code(err) == "DBClusterNotFoundFault" {
		return nil, nil
	}
	if err != nil || len(found.DBClusters) == 0 {
		return nil, err
	}
	return &found.DBClusters[0], nil
}

// instance is an instance as RDS has it, or nil.
func (r restore) instance(ctx context.Context, name string) (*types.DBInstance, error) {
	found, err := r.database.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	if account.Code(err) == "DBInstanceNotFound" {
		return nil, nil
	}
	if err != nil || len(found.DBInstances) == 0 {
		return nil, err
	}
	return &found.DBInstances[0], nil
}
