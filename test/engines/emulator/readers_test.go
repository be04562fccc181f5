package emulator

import (
	"context"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// facts are the sizes of a resource, as its own service tells them.
type facts map[string]string

// reader asks a service about one resource. Nil facts without an error say that it
// is not there.
type reader func(ctx context.Context, config aws.Config, id string) (facts, error)

// readers is how a service is asked about the types whose sizes config decides, and
// about those that hold data. Of the others CloudFormation alone says that they are
// there.
var readers = map[string]reader{
	"AWS::EC2::NatGateway":               readNATGateway,
	"AWS::EC2::Subnet":                   readSubnet,
	"AWS::EC2::VPC":                      readVPC,
	"AWS::ECR::Repository":               readRepository,
	"AWS::ECS::TaskDefinition":           readTaskDefinition,
	"AWS::ElastiCache::ReplicationGroup": readCache,
	"AWS::KMS::Key":                      readKey,
	"AWS::Logs::LogGroup":                readLogGroup,
	"AWS::MSK::Cluster":                  readBrokers,
	"AWS::RDS::DBCluster":                readDatabase,
	"AWS::RDS::DBInstance":               readDatabaseInstance,
	"AWS::S3::Bucket":                    readBucket,
	"AWS::SecretsManager::Secret":        readSecret,
}

func readVPC(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{id}})
	if err != nil || len(answer.Vpcs) == 0 {
		return nil, err
	}
	return facts{"cidr": aws.ToString(answer.Vpcs[0].CidrBlock)}, nil
}

func readSubnet(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{id}})
	if err != nil || len(answer.Subnets) == 0 {
		return nil, err
	}
	subnet := answer.Subnets[0]
	return facts{"cidr": aws.ToString(subnet.CidrBlock), "zone": aws.ToString(subnet.AvailabilityZone)}, nil
}

func readNATGateway(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := ec2.NewFromConfig(config).DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	if err != nil || len(answer.NatGateways) == 0 || answer.NatGateways[0].State == "deleted" {
		return nil, err
	}
	return facts{"state": string(answer.NatGateways[0].State)}, nil
}

func readCache(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := elasticache.NewFromConfig(config).DescribeReplicationGroups(ctx,
		&elasticache.DescribeReplicationGroupsInput{ReplicationGroupId: aws.String(id)})
	if err != nil || len(answer.ReplicationGroups) == 0 {
		return nil, err
	}
	group := answer.ReplicationGroups[0]
	return facts{"name": aws.ToString(group.ReplicationGroupId), "type": aws.ToString(group.CacheNodeType),
		"nodes": strconv.Itoa(len(group.MemberClusters))}, nil
}

func readTaskDefinition(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := ecs.NewFromConfig(config).DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(id)})
	if err != nil || answer.TaskDefinition.Status == "INACTIVE" {
		return nil, err
	}
	definition := answer.TaskDefinition
	return facts{"family": aws.ToString(definition.Family), "cpu": aws.ToString(definition.Cpu),
		"memory": aws.ToString(definition.Memory)}, nil
}

func readRepository(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := ecr.NewFromConfig(config).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{id}})
	if err != nil || len(answer.Repositories) == 0 {
		return nil, err
	}
	return facts{"name": aws.ToString(answer.Repositories[0].RepositoryName)}, nil
}

func readKey(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := kms.NewFromConfig(config).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
	if err != nil || answer.KeyMetadata.KeyState == "PendingDeletion" {
		return nil, err
	}
	return facts{"state": string(answer.KeyMetadata.KeyState)}, nil
}

func readLogGroup(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(ctx,
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(id)})
	if err != nil {
		return nil, err
	}
	for _, group := range answer.LogGroups {
		if aws.ToString(group.LogGroupName) == id {
			return facts{"name": id, "days": strconv.Itoa(int(aws.ToInt32(group.RetentionInDays)))}, nil
		}
	}
	return nil, nil
}

func readBrokers(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := kafka.NewFromConfig(config).DescribeCluster(ctx, &kafka.DescribeClusterInput{ClusterArn: aws.String(id)})
	if err != nil {
		return nil, err
	}
	cluster := answer.ClusterInfo
	said := facts{"name": aws.ToString(cluster.ClusterName), "brokers": strconv.Itoa(int(aws.ToInt32(cluster.NumberOfBrokerNodes)))}
	if cluster.BrokerNodeGroupInfo != nil {
		said["type"] = aws.ToString(cluster.BrokerNodeGroupInfo.InstanceType)
	}
	return said, nil
}

func readDatabase(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := rds.NewFromConfig(config).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(id)})
	if err != nil || len(answer.DBClusters) == 0 {
		return nil, err
	}
	cluster := answer.DBClusters[0]
	return facts{"name": aws.ToString(cluster.DBClusterIdentifier), "version": aws.ToString(cluster.EngineVersion),
		"days":      strconv.Itoa(int(aws.ToInt32(cluster.BackupRetentionPeriod))),
		"members":   strconv.Itoa(len(cluster.DBClusterMembers)),
		"protected": strconv.FormatBool(aws.ToBool(cluster.DeletionProtection))}, nil
}

func readDatabaseInstance(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := rds.NewFromConfig(config).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(id)})
	if err != nil || len(answer.DBInstances) == 0 {
		return nil, err
	}
	instance := answer.DBInstances[0]
	return facts{"cluster": aws.ToString(instance.DBClusterIdentifier), "class": aws.ToString(instance.DBInstanceClass)}, nil
}

func readBucket(ctx context.Context, config aws.Config, id string) (facts, error) {
	client := s3.NewFromConfig(config, func(options *s3.Options) { options.UsePathStyle = true })
	answer, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return facts{"name": id, "versioning": string(answer.Status)}, nil
}

func readSecret(ctx context.Context, config aws.Config, id string) (facts, error) {
	answer, err := secretsmanager.NewFromConfig(config).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(id)})
	if err != nil || answer.DeletedDate != nil {
		return nil, err
	}
	return facts{"name": aws.ToString(answer.Name)}, nil
}

// ask asks the service of a resource about it; nil facts without an error say that it is
// gone.
func ask(ctx context.Context, config aws.Config, resourceType, id string) (facts, error) {
	said, err := readers[resourceType](ctx, config, id)
	if err != nil && gone.MatchString(err.Error()) {
		return nil, nil
	}
	return said, err
}

// gone matches how the services say that they do not know a resource. The SDK has a
// type for each, the emulator not always the same.
var gone = regexp.MustCompile(`(?i)not ?found|nosuch|does not exist|unable to describe task|StatusCode: 404`)
