package local

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kafka"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// reader asks a service about one resource. Nil facts without an error say that it
// is not there.
type reader func(ctx context.Context, config aws.Config, id string) (Facts, error)

// readers is how each type is asked about; network.go has the types of EC2. A type
// without a row is counted as not asked.
var readers = map[string]reader{
	"AWS::CertificateManager::Certificate":      readCertificate,
	"AWS::CloudWatch::Alarm":                    readAlarm,
	"AWS::CloudWatch::Dashboard":                readDashboard,
	"AWS::EC2::InternetGateway":                 readInternetGateway,
	"AWS::EC2::NatGateway":                      readNATGateway,
	"AWS::EC2::RouteTable":                      readRouteTable,
	"AWS::EC2::SecurityGroup":                   readSecurityGroup,
	"AWS::EC2::Subnet":                          readSubnet,
	"AWS::EC2::VPC":                             readVPC,
	"AWS::EC2::VPCEndpoint":                     readEndpoint,
	"AWS::ECR::Repository":                      readRepository,
	"AWS::ECS::Cluster":                         readCluster,
	"AWS::ECS::Service":                         readService,
	"AWS::ECS::TaskDefinition":                  readTaskDefinition,
	"AWS::ElastiCache::ReplicationGroup":        readCache,
	"AWS::ElasticLoadBalancingV2::Listener":     readListener,
	"AWS::ElasticLoadBalancingV2::ListenerRule": readListenerRule,
	"AWS::ElasticLoadBalancingV2::LoadBalancer": readLoadBalancer,
	"AWS::ElasticLoadBalancingV2::TargetGroup":  readTargetGroup,
	"AWS::Events::Rule":                         readEventRule,
	"AWS::IAM::ManagedPolicy":                   readManagedPolicy,
	"AWS::IAM::Role":                            readRole,
	"AWS::KMS::Alias":                           readKey,
	"AWS::KMS::Key":                             readKey,
	"AWS::Lambda::Function":                     readFunction,
	"AWS::Logs::LogGroup":                       readLogGroup,
	"AWS::MSK::Cluster":                         readBrokers,
	"AWS::RDS::DBCluster":                       readDatabase,
	"AWS::RDS::DBInstance":                      readDatabaseInstance,
	"AWS::RDS::GlobalCluster":                   readGlobalDatabase,
	"AWS::S3::Bucket":                           readBucket,
	"AWS::SNS::Topic":                           readTopic,
	"AWS::SecretsManager::Secret":               readSecret,
}

func readCertificate(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := acm.NewFromConfig(config).DescribeCertificate(ctx,
		&acm.DescribeCertificateInput{CertificateArn: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.Certificate.DomainName)}, nil
}

func readAlarm(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := cloudwatch.NewFromConfig(config).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{id}})
	if err != nil || len(answer.MetricAlarms) == 0 {
		return nil, err
	}
	alarm := answer.MetricAlarms[0]
	return Facts{"name": aws.ToString(alarm.AlarmName),
		"threshold": strconv.FormatFloat(aws.ToFloat64(alarm.Threshold), 'f', -1, 64)}, nil
}

func readDashboard(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := cloudwatch.NewFromConfig(config).GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.DashboardName)}, nil
}

func readRepository(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ecr.NewFromConfig(config).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{id}})
	if err != nil || len(answer.Repositories) == 0 {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.Repositories[0].RepositoryName)}, nil
}

func readCluster(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ecs.NewFromConfig(config).DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{id}})
	if err != nil || len(answer.Clusters) == 0 || aws.ToString(answer.Clusters[0].Status) != "ACTIVE" {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.Clusters[0].ClusterName)}, nil
}

// readService takes the service's ARN, which names its cluster.
func readService(ctx context.Context, config aws.Config, id string) (Facts, error) {
	input := &ecs.DescribeServicesInput{Services: []string{id}}
	if parts := strings.Split(id, "/"); len(parts) == 3 {
		input.Cluster = aws.String(parts[1])
	}
	answer, err := ecs.NewFromConfig(config).DescribeServices(ctx, input)
	if err != nil || len(answer.Services) == 0 || aws.ToString(answer.Services[0].Status) == "INACTIVE" {
		return nil, err
	}
	service := answer.Services[0]
	return Facts{"name": aws.ToString(service.ServiceName), "tasks": strconv.Itoa(int(service.DesiredCount)),
		"definition": aws.ToString(service.TaskDefinition)}, nil
}

func readTaskDefinition(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := ecs.NewFromConfig(config).DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(id)})
	if err != nil || answer.TaskDefinition.Status == "INACTIVE" {
		return nil, err
	}
	definition := answer.TaskDefinition
	return Facts{"family": aws.ToString(definition.Family), "cpu": aws.ToString(definition.Cpu),
		"memory": aws.ToString(definition.Memory)}, nil
}

func readCache(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := elasticache.NewFromConfig(config).DescribeReplicationGroups(ctx,
		&elasticache.DescribeReplicationGroupsInput{ReplicationGroupId: aws.String(id)})
	if err != nil || len(answer.ReplicationGroups) == 0 {
		return nil, err
	}
	group := answer.ReplicationGroups[0]
	return Facts{"name": aws.ToString(group.ReplicationGroupId), "type": aws.ToString(group.CacheNodeType),
		"nodes": strconv.Itoa(len(group.MemberClusters))}, nil
}

func readLoadBalancer(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := elb.NewFromConfig(config).DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{id}})
	if err != nil || len(answer.LoadBalancers) == 0 {
		return nil, err
	}
	return Facts{"scheme": string(answer.LoadBalancers[0].Scheme)}, nil
}

func readTargetGroup(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := elb.NewFromConfig(config).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{id}})
	if err != nil || len(answer.TargetGroups) == 0 {
		return nil, err
	}
	return Facts{"port": strconv.Itoa(int(aws.ToInt32(answer.TargetGroups[0].Port)))}, nil
}

func readListener(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := elb.NewFromConfig(config).DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{id}})
	if err != nil || len(answer.Listeners) == 0 {
		return nil, err
	}
	return Facts{"port": strconv.Itoa(int(aws.ToInt32(answer.Listeners[0].Port)))}, nil
}

func readListenerRule(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := elb.NewFromConfig(config).DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{id}})
	if err != nil || len(answer.Rules) == 0 {
		return nil, err
	}
	return Facts{"priority": aws.ToString(answer.Rules[0].Priority)}, nil
}

// readEventRule takes a rule's name or its ARN.
func readEventRule(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := eventbridge.NewFromConfig(config).DescribeRule(ctx,
		&eventbridge.DescribeRuleInput{Name: aws.String(id[strings.LastIndex(id, "/")+1:])})
	if err != nil {
		return nil, err
	}
	return Facts{"state": string(answer.State)}, nil
}

func readManagedPolicy(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := iam.NewFromConfig(config).GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.Policy.PolicyName)}, nil
}

func readRole(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := iam.NewFromConfig(config).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.Role.RoleName)}, nil
}

func readKey(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := kms.NewFromConfig(config).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
	if err != nil || answer.KeyMetadata.KeyState == "PendingDeletion" {
		return nil, err
	}
	return Facts{"state": string(answer.KeyMetadata.KeyState)}, nil
}

func readFunction(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := lambda.NewFromConfig(config).GetFunctionConfiguration(ctx,
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"memory": strconv.Itoa(int(aws.ToInt32(answer.MemorySize))), "runtime": string(answer.Runtime)}, nil
}

func readLogGroup(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(ctx,
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(id)})
	if err != nil {
		return nil, err
	}
	for _, group := range answer.LogGroups {
		if aws.ToString(group.LogGroupName) == id {
			return Facts{"name": id, "days": strconv.Itoa(int(aws.ToInt32(group.RetentionInDays)))}, nil
		}
	}
	return nil, nil
}

func readBrokers(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := kafka.NewFromConfig(config).DescribeCluster(ctx, &kafka.DescribeClusterInput{ClusterArn: aws.String(id)})
	if err != nil {
		return nil, err
	}
	cluster := answer.ClusterInfo
	facts := Facts{"name": aws.ToString(cluster.ClusterName), "brokers": strconv.Itoa(int(aws.ToInt32(cluster.NumberOfBrokerNodes)))}
	if cluster.BrokerNodeGroupInfo != nil {
		facts["type"] = aws.ToString(cluster.BrokerNodeGroupInfo.InstanceType)
	}
	return facts, nil
}

func readDatabase(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := rds.NewFromConfig(config).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(id)})
	if err != nil || len(answer.DBClusters) == 0 {
		return nil, err
	}
	cluster := answer.DBClusters[0]
	return Facts{"name": aws.ToString(cluster.DBClusterIdentifier), "version": aws.ToString(cluster.EngineVersion),
		"days":      strconv.Itoa(int(aws.ToInt32(cluster.BackupRetentionPeriod))),
		"members":   strconv.Itoa(len(cluster.DBClusterMembers)),
		"protected": strconv.FormatBool(aws.ToBool(cluster.DeletionProtection))}, nil
}

func readDatabaseInstance(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := rds.NewFromConfig(config).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(id)})
	if err != nil || len(answer.DBInstances) == 0 {
		return nil, err
	}
	instance := answer.DBInstances[0]
	return Facts{"cluster": aws.ToString(instance.DBClusterIdentifier), "class": aws.ToString(instance.DBInstanceClass)}, nil
}

func readGlobalDatabase(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := rds.NewFromConfig(config).DescribeGlobalClusters(ctx,
		&rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: aws.String(id)})
	if err != nil || len(answer.GlobalClusters) == 0 {
		return nil, err
	}
	return Facts{"members": strconv.Itoa(len(answer.GlobalClusters[0].GlobalClusterMembers))}, nil
}

func readBucket(ctx context.Context, config aws.Config, id string) (Facts, error) {
	client := s3.NewFromConfig(config, func(options *s3.Options) { options.UsePathStyle = true })
	answer, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"name": id, "versioning": string(answer.Status)}, nil
}

func readTopic(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := sns.NewFromConfig(config).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(id)})
	if err != nil {
		return nil, err
	}
	return Facts{"arn": answer.Attributes["TopicArn"]}, nil
}

func readSecret(ctx context.Context, config aws.Config, id string) (Facts, error) {
	answer, err := secretsmanager.NewFromConfig(config).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(id)})
	if err != nil || answer.DeletedDate != nil {
		return nil, err
	}
	return Facts{"name": aws.ToString(answer.Name)}, nil
}
