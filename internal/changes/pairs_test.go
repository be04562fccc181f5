package changes

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// pairs are changes of one stack with the verdicts that they must get.
var pairs = map[string]pair{
	// State.
	"a database without a policy leaves a snapshot when it goes": {
		one("A", "AWS::RDS::DBCluster", `"Engine": "aurora-mysql"`), "",
		[]string{"A destroys"}, "a last snapshot of its data stays",
	},
	"a replaced database without a policy is gone, whatever holds for its deletion": {
		one("A", "AWS::RDS::DBCluster", `"KmsKeyId": "a"`), one("A", "AWS::RDS::DBCluster", `"KmsKeyId": "b"`),
		[]string{"A destroys"}, "the old one is deleted with everything that it holds",
	},
	"an encryption key of the storage is given up": {
		one("A", "AWS::RDS::DBCluster", `"StorageEncrypted": true, "KmsKeyId": "a"`, retained), one("A", "AWS::RDS::DBCluster", `"StorageEncrypted": true`, retained),
		[]string{"A destroys"}, "KmsKeyId changes from a to nothing",
	},
	"a renamed database is another one": {
		one("A", "AWS::RDS::DBCluster", `"Engine": "aurora-mysql"`, retained), one("B", "AWS::RDS::DBCluster", `"Engine": "aurora-mysql"`, retained),
		[]string{"A orphans"}, "Moved? B is new with the same type and properties",
	},
	"a renamed bucket of another name is no move": {
		one("A", "AWS::S3::Bucket", `"BucketName": "a"`, deleted), one("B", "AWS::S3::Bucket", `"BucketName": "b"`, deleted),
		[]string{"A destroys"}, "",
	},
	"a logical ID takes another type": {
		one("A", "AWS::S3::Bucket", `"BucketName": "a"`, deleted), one("A", "AWS::SNS::Topic", `"TopicName": "a"`),
		[]string{"A destroys", "A refused"}, "under the same logical ID",
	},
	"what kept a key keeps it no more": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, retained), one("A", "AWS::KMS::Key", `"Description": "a"`, deleted),
		[]string{"A weakens"}, "DeletionPolicy changes from Retain to Delete: less of it survives when it leaves the template",
	},
	"a policy that is dropped deletes": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, retained), one("A", "AWS::KMS::Key", `"Description": "a"`),
		[]string{"A weakens"}, "UpdateReplacePolicy changes from Retain to Delete",
	},
	"a policy that keeps more is safe": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, deleted), one("A", "AWS::KMS::Key", `"Description": "a"`, retained),
		nil, "DeletionPolicy changes from Delete to Retain",
	},
	"a snapshot is less than the resource": {
		one("A", "AWS::RDS::DBCluster", `"Engine": "e"`, retained), one("A", "AWS::RDS::DBCluster", `"Engine": "e"`, snapshotted),
		[]string{"A weakens"}, "",
	},
	"removing from a creation only is as good as keeping": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, retained), one("A", "AWS::KMS::Key", `"Description": "a"`, `"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"`),
		nil, "",
	},
	"shards of a cache without online resharding": {
		one("A", cacheGroup, `"NumNodeGroups": 1`, snapshotted), one("A", cacheGroup, `"NumNodeGroups": 2`, snapshotted),
		[]string{"A destroys maybe", "A interrupts"}, "",
	},
	"shards of a cache with online resharding": {
		one("A", cacheGroup, `"NumNodeGroups": 1`, snapshotted, `"UpdatePolicy": {"UseOnlineResharding": true}`),
		one("A", cacheGroup, `"NumNodeGroups": 2`, snapshotted, `"UpdatePolicy": {"UseOnlineResharding": true}`),
		[]string{"A interrupts"}, "keys move between shards",
	},
	"a condition decides whether a bucket exists": {
		one("A", "AWS::S3::Bucket", `"BucketName": "a"`, retained), one("A", "AWS::S3::Bucket", `"BucketName": "a"`, retained, `"Condition": "Wanted"`),
		[]string{"A destroys maybe"}, "the condition under which it exists changes",
	},

	"resources that wait for each other by name": {
		one("A", "AWS::SNS::Topic", "") + "," + one("B", "AWS::SNS::Topic", "", `"DependsOn": "A"`),
		one("A", "AWS::SNS::Topic", "", `"DependsOn": ["B"]`) + "," + one("B", "AWS::SNS::Topic", "", `"DependsOn": "A"`),
		[]string{"refused"}, "none can be made before the other: A, B",
	},

	"a tag that a policy asks for": {
		one("A", "AWS::KMS::Key", `"Tags": [{"Key": "Team", "Value": "a"}, {"Key": "Other", "Value": "a"}]`, retained) + "," +
			statement(`{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}`),
		one("A", "AWS::KMS::Key", `"Tags": [{"Key": "Team", "Value": "b"}, {"Key": "Other", "Value": "a"}]`, retained) + "," +
			statement(`{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}`),
		[]string{"A interrupts maybe"}, "a policy asks for this tag",
	},
	"a tag that no policy asks for": {
		one("A", "AWS::KMS::Key", `"Tags": [{"Key": "Team", "Value": "a"}, {"Key": "Other", "Value": "a"}]`, retained) + "," +
			statement(`{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}`),
		one("A", "AWS::KMS::Key", `"Tags": [{"Key": "Team", "Value": "a"}, {"Key": "Other", "Value": "b"}]`, retained) + "," +
			statement(`{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}`),
		nil, "tags",
	},

	// What is written alike and is not alike.
	"a description that shows a secret": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, retained), one("A", "AWS::KMS::Key", `"Description": "{{resolve:secretsmanager:wallet/pager}}"`, retained),
		[]string{"A enters"}, "Description reads secretsmanager:wallet/pager",
	},
	"a secret that a value read already": {
		one("A", "AWS::KMS::Key", `"Description": "{{resolve:secretsmanager:a}}"`, retained), one("A", "AWS::KMS::Key", `"Description": "{{resolve:secretsmanager:a}}, said"`, retained),
		nil, "a text for readers",
	},
	"a literal becomes the reference that it spells": {
		one("A", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "arn:aws:s3:::${!B}/*"}}}}]`) + "," + one("B", "AWS::S3::Bucket", "", retained),
		one("A", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "arn:aws:s3:::${B}/*"}}}}]`) + "," + one("B", "AWS::S3::Bucket", "", retained),
		[]string{"A interrupts maybe", "A widens"}, "newly allowed: s3:GetObject on arn:aws:s3:::${B}/*",
	},
	"a literal in a policy that is put together becomes a reference": {
		one("A", "AWS::SecretsManager::ResourcePolicy", `"SecretId": "s", "ResourcePolicy": {"Fn::Sub": "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"${!B}\", \"Action\": \"${AWS::Region}:x\"}}"}`) + "," + one("B", role, ""),
		one("A", "AWS::SecretsManager::ResourcePolicy", `"SecretId": "s", "ResourcePolicy": {"Fn::Sub": "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"${B}\", \"Action\": \"${AWS::Region}:x\"}}"}`) + "," + one("B", role, ""),
		[]string{"A interrupts maybe", "A widens"}, "newly allowed: ${AWS::Region}:x on itself for ${B}",
	},
	"the same output of another region": {
		one("A", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::GetStackOutput": {"StackName": "a-b", "OutputName": "Key", "Region": "r"}}}}}]`),
		one("A", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": {"Fn::GetStackOutput": {"StackName": "a-b", "OutputName": "Key", "Region": "q"}}}}}]`),
		[]string{"A interrupts maybe", "A widens"}, "newly allowed: kms:Decrypt on ${a-b.Key@q}",
	},
	"a variable of IAM is the same however it is written": {
		one("A", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}/*"}}}]`),
		one("A", role, `"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "arn:aws:s3:::b/${!aws:username}/*"}}}}]`),
		nil, "",
	},
	"a text becomes the reference that it spells": {
		one("A", "AWS::KMS::Alias", `"AliasName": "alias/a", "TargetKeyId": "{\"Ref\":\"B\"}"`) + "," + one("B", "AWS::KMS::Key", "", retained),
		one("A", "AWS::KMS::Alias", `"AliasName": "alias/a", "TargetKeyId": {"Ref": "B"}`) + "," + one("B", "AWS::KMS::Key", "", retained),
		nil, "a name of a key",
	},

	// Replacement through references.
	"a replaced cluster replaces its instances": {
		one("A", "AWS::RDS::DBCluster", `"StorageEncrypted": true`, snapshotted) + "," + one("B", instance, `"DBClusterIdentifier": {"Ref": "A"}`),
		one("A", "AWS::RDS::DBCluster", `"StorageEncrypted": false`, snapshotted) + "," + one("B", instance, `"DBClusterIdentifier": {"Ref": "A"}`),
		[]string{"A destroys", "A weakens", "B replaces"}, "DBClusterIdentifier refers to A, which is replaced",
	},
	"a replaced network takes everything in it along": {
		one("A", "AWS::EC2::VPC", `"CidrBlock": "10.0.0.0/16"`) + "," + one("B", "AWS::EC2::Subnet", `"VpcId": {"Ref": "A"}, "CidrBlock": "10.0.0.0/24"`) + "," +
			one("C", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ClientSubnets": [{"Fn::Sub": "${B}"}]}`, retained) + "," + one("D", "AWS::MSK::Topic", `"ClusterArn": {"Fn::GetAtt": ["C", "Arn"]}`, retained),
		one("A", "AWS::EC2::VPC", `"CidrBlock": "10.1.0.0/16"`) + "," + one("B", "AWS::EC2::Subnet", `"VpcId": {"Ref": "A"}, "CidrBlock": "10.0.0.0/24"`) + "," +
			one("C", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ClientSubnets": [{"Fn::Sub": "${B}"}]}`, retained) + "," + one("D", "AWS::MSK::Topic", `"ClusterArn": {"Fn::GetAtt": ["C", "Arn"]}`, retained),
		[]string{"A replaces", "B replaces", "C destroys", "D destroys"}, "ClusterArn refers to C, which is replaced",
	},
	"a reference to what is updated in place replaces nothing": {
		one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 7`, retained) + "," + one("B", instance, `"DBClusterIdentifier": {"Ref": "A"}`),
		one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 14`, retained) + "," + one("B", instance, `"DBClusterIdentifier": {"Ref": "A"}`),
		nil, "a larger bound",
	},
	"a doubtful replacement makes a doubtful one": {
		one("A", "AWS::RDS::DBCluster", `"MasterUsername": "a"`, retained) + "," + one("B", instance, `"DBClusterIdentifier": {"Ref": "A"}`),
		one("A", "AWS::RDS::DBCluster", `"MasterUsername": "b"`, retained) + "," + one("B", instance, `"DBClusterIdentifier": {"Ref": "A"}`),
		[]string{"A destroys maybe", "B replaces maybe"}, "which may change",
	},
	"a new revision of a task definition is how a service is deployed": {
		one("A", "AWS::ECS::TaskDefinition", `"Family": "f", "Cpu": "1024"`) + "," + one("B", ecsService, `"TaskDefinition": {"Ref": "A"}`),
		one("A", "AWS::ECS::TaskDefinition", `"Family": "f", "Cpu": "2048"`) + "," + one("B", ecsService, `"TaskDefinition": {"Ref": "A"}`),
		nil, "a larger bound",
	},
	"a service that stops tasks first is interrupted by a new revision": {
		one("A", "AWS::ECS::TaskDefinition", `"Cpu": "1024"`) + "," + one("B", ecsService, `"TaskDefinition": {"Ref": "A"}, "DeploymentConfiguration": {"MinimumHealthyPercent": 50}`),
		one("A", "AWS::ECS::TaskDefinition", `"Cpu": "2048"`) + "," + one("B", ecsService, `"TaskDefinition": {"Ref": "A"}, "DeploymentConfiguration": {"MinimumHealthyPercent": 50}`),
		[]string{"B interrupts"}, "tasks stop before new ones run",
	},
	"blue/green never stops tasks first": {
		one("A", taskDefinition, `"Cpu": "256"`) + "," + one("C", taskDefinition, `"Cpu": "512"`) + "," + one("B", ecsService, `"TaskDefinition": {"Ref": "A"}, "DeploymentConfiguration": {"MinimumHealthyPercent": 50, "Strategy": "BLUE_GREEN"}`),
		one("A", taskDefinition, `"Cpu": "256"`) + "," + one("C", taskDefinition, `"Cpu": "512"`) + "," + one("B", ecsService, `"TaskDefinition": {"Ref": "C"}, "DeploymentConfiguration": {"MinimumHealthyPercent": 50, "Strategy": "BLUE_GREEN"}`),
		nil, "",
	},
	"a type that the schemas do not know": {
		one("A", "AWS::Made::Up", `"Size": 1`), one("A", "AWS::Made::Up", `"Size": 2`),
		[]string{"A unknown"}, "no rule says",
	},
	"a type that the schemas do not know is removed": {
		one("A", "AWS::Made::Up", `"Size": 1`), "",
		[]string{"A destroys maybe"}, "it may hold data",
	},
	"a type that the schemas do not know is added": {
		"", one("A", "AWS::Made::Up", `"Size": 1`),
		[]string{"A unknown"}, "",
	},
	"a custom resource is asked to do something else": {
		one("A", "Custom::Thing", `"ServiceToken": "f", "Size": 1`), one("A", "Custom::Thing", `"ServiceToken": "f", "Size": 2`),
		[]string{"A unknown"}, "no rule says",
	},
	"a custom resource is removed": {
		one("A", "Custom::Thing", `"ServiceToken": "f"`), "",
		[]string{"A unknown"}, "its function is asked to delete",
	},
	"a nested stack gets another template": {
		one("A", "AWS::CloudFormation::Stack", `"TemplateURL": "a"`), one("A", "AWS::CloudFormation::Stack", `"TemplateURL": "b"`),
		[]string{"A unknown"}, "",
	},

	// Interruptions.
	"an instance of another class restarts": {
		one("A", instance, `"DBClusterIdentifier": "c", "DBInstanceClass": "db.r6g.large"`), one("A", instance, `"DBClusterIdentifier": "c", "DBInstanceClass": "db.r6g.xlarge"`),
		[]string{"A interrupts"}, "a writer fails over",
	},
	"a database of another version restarts": {
		one("A", "AWS::RDS::DBCluster", `"EngineVersion": "8.0.mysql_aurora.3.10.4"`, retained), one("A", "AWS::RDS::DBCluster", `"EngineVersion": "8.0.mysql_aurora.3.10.5"`, retained),
		[]string{"A interrupts"}, "",
	},
	"a parameter group may restart instances": {
		one("A", "AWS::RDS::DBParameterGroup", `"Family": "f", "Parameters": {"a": 1}`), one("A", "AWS::RDS::DBParameterGroup", `"Family": "f", "Parameters": {"a": 2}`),
		[]string{"A interrupts maybe"}, "static parameter",
	},
	"an instance in another maintenance window": {
		one("A", instance, `"DBClusterIdentifier": "c", "PreferredMaintenanceWindow": "sun:03:00-sun:04:00"`), one("A", instance, `"DBClusterIdentifier": "c", "PreferredMaintenanceWindow": "mon:03:00-mon:04:00"`),
		[]string{"A interrupts maybe"}, "what is pending is applied at once",
	},
	"a cache node of another type": {
		one("A", cacheGroup, `"CacheNodeType": "cache.r6g.large"`, snapshotted), one("A", cacheGroup, `"CacheNodeType": "cache.r6g.xlarge"`, snapshotted),
		[]string{"A interrupts"}, "",
	},
	"a broker of another type": {
		one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"InstanceType": "kafka.m7g.large"}`, retained), one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"InstanceType": "kafka.m7g.xlarge"}`, retained),
		[]string{"A interrupts"}, "one after the other",
	},
	"brokers with other properties": {
		one("A", "AWS::MSK::Configuration", `"Name": "a", "ServerProperties": "num.partitions=3\n"`), one("A", "AWS::MSK::Configuration", `"Name": "a", "ServerProperties": "num.partitions=6\n"`),
		[]string{"A interrupts"}, "",
	},
	"more storage of brokers": {
		one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"StorageInfo": {"EBSStorageInfo": {"VolumeSize": 100}}}`, retained),
		one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"StorageInfo": {"EBSStorageInfo": {"VolumeSize": 200}}}`, retained),
		nil, "more storage while they run",
	},
	"a secret that generates another value": {
		one("A", "AWS::SecretsManager::Secret", `"GenerateSecretString": {"PasswordLength": 32}`, retained), one("A", "AWS::SecretsManager::Secret", `"GenerateSecretString": {"PasswordLength": 40}`, retained),
		[]string{"A interrupts"}, "a new value is generated",
	},
	"a certificate of a listener": {
		one("A", listener, `"Port": 443, "Certificates": [{"CertificateArn": "a"}]`), one("A", listener, `"Port": 443, "Certificates": [{"CertificateArn": "b"}]`),
		[]string{"A interrupts"}, "",
	},
	"a service goes": {
		one("A", ecsService, `"ServiceName": "a"`), "",
		[]string{"A interrupts"}, "",
	},

	// Traffic.
	"a rule with other weights": {
		one("A", listenerRule, `"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "b", "Weight": 100}, {"TargetGroupArn": "g", "Weight": 0}]}}]`),
		one("A", listenerRule, `"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "b", "Weight": 0}, {"TargetGroupArn": "g", "Weight": 100}]}}]`),
		[]string{"A traffic"}, "the update sets the weights",
	},
	"a replaced target group moves the traffic of its rule": {
		one("A", "AWS::ElasticLoadBalancingV2::TargetGroup", `"Port": 80`) + "," + one("B", listenerRule, `"Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "A"}}]`),
		one("A", "AWS::ElasticLoadBalancingV2::TargetGroup", `"Port": 81`) + "," + one("B", listenerRule, `"Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "A"}}]`),
		[]string{"A replaces", "B traffic"}, "Actions refers to A, which is replaced",
	},
	"a listener that sends on to others": {
		one("A", listener, `"Port": 443, "DefaultActions": [{"Type": "forward", "TargetGroupArn": "a"}]`), one("A", listener, `"Port": 443, "DefaultActions": [{"Type": "forward", "TargetGroupArn": "b"}]`),
		[]string{"A traffic"}, "",
	},
	"a weighted record": {
		one("A", "AWS::Route53::RecordSet", `"Name": "a", "SetIdentifier": "x", "Weight": 100, "TTL": 60`), one("A", "AWS::Route53::RecordSet", `"Name": "a", "SetIdentifier": "x", "Weight": 0, "TTL": 60`),
		[]string{"A traffic"}, "how much of the traffic",
	},
	"a record that points elsewhere": {
		one("A", "AWS::Route53::RecordSet", `"Name": "a", "AliasTarget": {"DNSName": "x"}`), one("A", "AWS::Route53::RecordSet", `"Name": "a", "AliasTarget": {"DNSName": "y"}`),
		[]string{"A traffic"}, "",
	},
	"a record of another name": {
		one("A", "AWS::Route53::RecordSet", `"Name": "a"`), one("A", "AWS::Route53::RecordSet", `"Name": "b"`),
		[]string{"A replaces", "A traffic"}, "the old one resolves no more",
	},
	"a second record of a name": {
		one("A", "AWS::Route53::RecordSet", `"Name": "a", "Type": "A"`), one("A", "AWS::Route53::RecordSet", `"Name": "a", "Type": "A"`) + "," + one("B", "AWS::Route53::RecordSet", `"Name": "A", "Type": "A"`),
		[]string{"B traffic"}, "answered by others",
	},
	"the comment of a record": {
		one("A", "AWS::Route53::RecordSet", `"Name": "a", "Comment": "x"`), one("A", "AWS::Route53::RecordSet", `"Name": "a", "Comment": "y"`),
		nil, "",
	},
	"a removed record": {
		one("A", "AWS::Route53::RecordSet", `"Name": "a"`), "",
		[]string{"A interrupts"}, "no longer resolves",
	},

	// Protection.
	"nobody may delete the database, until now": {
		one("A", "AWS::RDS::DBCluster", `"DeletionProtection": true`, retained), one("A", "AWS::RDS::DBCluster", `"DeletionProtection": false`, retained),
		[]string{"A weakens"}, "",
	},
	"fewer days of backup": {
		one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 35`, retained), one("A", "AWS::RDS::DBCluster", `"BackupRetentionPeriod": 7`, retained),
		[]string{"A weakens"}, "from 35 to 7",
	},
	"a load balancer that may be deleted": {
		one("A", "AWS::ElasticLoadBalancingV2::LoadBalancer", `"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]`),
		one("A", "AWS::ElasticLoadBalancingV2::LoadBalancer", `"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "false"}]`),
		[]string{"A weakens"}, "",
	},
	"a topic that forgets sooner": { // retention.ms 604800000, then 3600000
		one("A", "AWS::MSK::Topic", `"TopicName": "a", "Configs": "eyJyZXRlbnRpb24ubXMiOiI2MDQ4MDAwMDAifQ=="`, retained), one("A", "AWS::MSK::Topic", `"TopicName": "a", "Configs": "eyJyZXRlbnRpb24ubXMiOiIzNjAwMDAwIn0="`, retained),
		[]string{"A weakens"}, "forgets sooner",
	},
	"a topic that remembers longer": {
		one("A", "AWS::MSK::Topic", `"TopicName": "a", "Configs": "eyJyZXRlbnRpb24ubXMiOiIzNjAwMDAwIn0="`, retained), one("A", "AWS::MSK::Topic", `"TopicName": "a", "Configs": "eyJyZXRlbnRpb24ubXMiOiI2MDQ4MDAwMDAifQ=="`, retained),
		nil, "",
	},
	"logs for fewer days": {
		one("A", "AWS::Logs::LogGroup", `"RetentionInDays": 365`, retained), one("A", "AWS::Logs::LogGroup", `"RetentionInDays": 30`, retained),
		[]string{"A weakens"}, "",
	},
	"logs that were for ever": {
		one("A", "AWS::Logs::LogGroup", `"LogGroupName": "a"`, retained), one("A", "AWS::Logs::LogGroup", `"LogGroupName": "a", "RetentionInDays": 3653`, retained),
		[]string{"A weakens"}, "",
	},
	"a bucket that deletes objects": {
		one("A", "AWS::S3::Bucket", `"BucketName": "a"`, retained), one("A", "AWS::S3::Bucket", `"BucketName": "a", "LifecycleConfiguration": {"Rules": [{"Id": "x", "Status": "Enabled", "ExpirationInDays": 30}]}`, retained),
		[]string{"A weakens"}, "objects are deleted",
	},
	"a bucket that keeps objects longer": {
		one("A", "AWS::S3::Bucket", `"LifecycleConfiguration": {"Rules": [{"Id": "x", "Status": "Enabled", "ExpirationInDays": 30}]}`, retained), one("A", "AWS::S3::Bucket", `"LifecycleConfiguration": {"Rules": [{"Id": "x", "Status": "Enabled", "ExpirationInDays": 60}]}`, retained),
		nil, "",
	},
	"a bucket under AWS's key": {
		one("A", "AWS::S3::Bucket", `"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}`, retained),
		one("A", "AWS::S3::Bucket", `"BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}`, retained),
		[]string{"A weakens"}, "",
	},
	"a backup that is no longer copied": {
		one("A", "AWS::Backup::BackupPlan", `"BackupPlan": {"BackupPlanRule": [{"RuleName": "Daily", "CopyActions": [{"DestinationBackupVaultArn": "v"}]}]}`),
		one("A", "AWS::Backup::BackupPlan", `"BackupPlan": {"BackupPlanRule": [{"RuleName": "Daily"}]}`),
		[]string{"A weakens"}, "copied no more",
	},
	"a backup more that is copied to a stranger": {
		one("A", "AWS::Backup::BackupPlan", `"BackupPlan": {"BackupPlanRule": [{"RuleName": "Daily"}]}`),
		one("A", "AWS::Backup::BackupPlan", `"BackupPlan": {"BackupPlanRule": [{"RuleName": "Daily"}, {"RuleName": "Weekly", "CopyActions": [{"DestinationBackupVaultArn": "v"}]}]}`),
		[]string{"A widens"}, "copied to another place",
	},
	"a new plan that copies backups to a stranger": {
		"", one("A", "AWS::Backup::BackupPlan", `"BackupPlan": {"BackupPlanRule": [{"RuleName": "Daily", "CopyActions": [{"DestinationBackupVaultArn": "v"}]}]}`),
		[]string{"A widens"}, "copied to another place",
	},
	"a new plan that copies nothing": {
		"", one("A", "AWS::Backup::BackupPlan", `"BackupPlan": {"BackupPlanRule": [{"RuleName": "Daily"}]}`),
		nil, "",
	},
	"a new rule that sends events to a stranger": {
		"", one("A", "AWS::Events::Rule", `"Targets": [{"Id": "t", "Arn": "arn:aws:events:sa-east-1:999999999999:event-bus/x"}]`),
		[]string{"A enters"}, "not in the templates",
	},
	"a new rule that tells a topic of the platform": {
		one("Topic", "AWS::SNS::Topic", `"TopicName": "t"`),
		one("Topic", "AWS::SNS::Topic", `"TopicName": "t"`) + "," + one("A", "AWS::Events::Rule", `"Targets": [{"Id": "t", "Arn": {"Ref": "Topic"}}]`),
		nil, "",
	},
	"a new alarm that starts what no template makes": {
		"", one("A", "AWS::CloudWatch::Alarm", `"AlarmActions": ["arn:aws:lambda:sa-east-1:999999999999:function:x"]`),
		[]string{"A enters"}, "not in the templates",
	},
	"a new schedule calls an API": {
		"", one("A", "AWS::Scheduler::Schedule", `"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:rds:deleteDBCluster", "RoleArn": "r"}`),
		[]string{"A enters"}, "something else is called",
	},
	"a firewall that counts where it stopped": {
		one("A", "AWS::WAFv2::WebACL", `"Scope": "REGIONAL", "Rules": [{"Name": "r", "Action": {"Block": {}}, "Statement": {"S": 1}}]`),
		one("A", "AWS::WAFv2::WebACL", `"Scope": "REGIONAL", "Rules": [{"Name": "r", "Action": {"Count": {}}, "Statement": {"S": 1}}]`),
		[]string{"A weakens"}, "lets more pass",
	},
	"a firewall with one more rule": {
		one("A", "AWS::WAFv2::WebACL", `"Scope": "REGIONAL", "Rules": [{"Name": "r", "Action": {"Block": {}}}]`),
		one("A", "AWS::WAFv2::WebACL", `"Scope": "REGIONAL", "Rules": [{"Name": "r", "Action": {"Block": {}}}, {"Name": "s", "Action": {"Block": {}}}]`),
		[]string{"A traffic"}, "are stopped",
	},
	"no firewall any more": {
		one("A", "AWS::WAFv2::WebACLAssociation", `"ResourceArn": "a"`), "",
		[]string{"A weakens"}, "no firewall stands before",
	},
	"an alarm is removed": {
		one("A", "AWS::CloudWatch::Alarm", `"AlarmName": "a"`), "",
		[]string{"A weakens"}, "nobody is told",
	},
	"a tag of an image that may change": {
		one("A", "AWS::ECR::Repository", `"ImageTagMutability": "IMMUTABLE"`, retained), one("A", "AWS::ECR::Repository", `"ImageTagMutability": "MUTABLE"`, retained),
		[]string{"A weakens"}, "",
	},
	"no TLS to the database": {
		one("A", "AWS::RDS::DBClusterParameterGroup", `"Family": "f", "Parameters": {"require_secure_transport": "ON"}`), one("A", "AWS::RDS::DBClusterParameterGroup", `"Family": "f", "Parameters": {"require_secure_transport": "OFF"}`),
		[]string{"A weakens"}, "connections may be unencrypted",
	},
	"less time to save a key": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, retained), one("A", "AWS::KMS::Key", `"Description": "a", "PendingWindowInDays": 7`, retained),
		[]string{"A weakens"}, "from nothing to 7",
	},
	"no TLS to the brokers": {
		one("A", "AWS::MSK::Cluster", `"EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "TLS"}}`, retained), one("A", "AWS::MSK::Cluster", `"EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "TLS_PLAINTEXT"}}`, retained),
		[]string{"A interrupts", "A weakens"}, "",
	},

	// Safe.
	"tags":                  {one("A", "AWS::S3::Bucket", `"Tags": [{"Key": "a", "Value": "b"}]`, retained), one("A", "AWS::S3::Bucket", `"Tags": [{"Key": "a", "Value": "c"}]`, retained), nil, "tags"},
	"a number that is text": {one("A", "AWS::RDS::DBCluster", `"Port": 3306, "StorageEncrypted": true`, retained), one("A", "AWS::RDS::DBCluster", `"Port": "3306", "StorageEncrypted": "true"`, retained), nil, ""},
	"a larger maximum":      {one("A", "AWS::ApplicationAutoScaling::ScalableTarget", `"MaxCapacity": 20`), one("A", "AWS::ApplicationAutoScaling::ScalableTarget", `"MaxCapacity": 30`), nil, ""},
	"a new topic":           {"", one("A", "AWS::SNS::Topic", `"TopicName": "a"`), nil, "added"},
	"what amounts to the same": {
		one("A", "AWS::MSK::Topic", `"ClusterArn": {"Fn::GetAtt": ["C", "Arn"]}, "TopicName": {"Fn::Join": ["-", ["a", "b"]]}, "Configs": {"Ref": "AWS::NoValue"}`, retained),
		one("A", "AWS::MSK::Topic", `"ClusterArn": {"Fn::GetAtt": "C.Arn"}, "TopicName": "a-b"`, retained), nil, "",
	},
}

func TestEachChangeGetsItsVerdict(t *testing.T) {
	for name, p := range pairs {
		t.Run(name, p.check)
	}
}

// statement wraps statements into a policy of a role.
func statement(content string) string {
	return one("Role", role, `"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`) + "," +
		one("Policy", "AWS::IAM::Policy", `"PolicyName": "p", "Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [`+content+`]}`)
}

// trusts is a role with a trust policy.
func trusts(content string) string {
	return one("Role", role, `"AssumeRolePolicyDocument": {"Statement": [`+content+`]}`)
}

// permissions are changes of who may do what.
var permissions = map[string]pair{
	"another action": {
		statement(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "r"}`), statement(`{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "r"}`),
		[]string{"Policy widens"}, "newly allowed: s3:PutObject on r",
	},
	"another resource": {
		statement(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "r"}`), statement(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["r", "q"]}`),
		[]string{"Policy widens"}, "s3:GetObject on q",
	},
	"a wildcard that grows": {
		statement(`{"Effect": "Allow", "Action": "s3:Get*", "Resource": "r"}`), statement(`{"Effect": "Allow", "Action": "s3:*", "Resource": "r"}`),
		[]string{"Policy widens"}, "s3:*",
	},
	"a wildcard that shrinks": {
		statement(`{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}`), statement(`{"Effect": "Allow", "Action": ["s3:get*", "S3:PutObject"], "Resource": "arn:aws:s3:::b/*"}`),
		[]string{"Policy interrupts maybe"}, "no longer allowed",
	},
	"the same in other words": {
		statement(`{"Sid": "A", "Effect": "Allow", "Action": ["a:b", "a:c"], "Resource": ["r", "q"]}`),
		statement(`{"Effect": "Allow", "Action": "a:c", "Resource": ["q", "r"]}, {"Sid": "B", "Effect": "Allow", "Action": ["a:b"], "Resource": ["q", "r"]}`),
		nil, "",
	},
	"a condition that is dropped": {
		statement(`{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "k", "Condition": {"StringEquals": {"kms:ViaService": "s3"}}}`), statement(`{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "k"}`),
		[]string{"Policy widens"}, "kms:Decrypt on k",
	},
	"a condition that accepts more": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"]}}}`),
		[]string{"Policy widens"}, "aws:sourceaccount StringEquals 1, 2",
	},
	"a condition that is added": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}`),
		[]string{"Policy interrupts maybe"}, "no longer allowed",
	},
	"a condition that is stricter by its operator": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringLike": {"a:Key": "x*"}}}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringEquals": {"A:key": "xy"}}}`),
		[]string{"Policy interrupts maybe"}, "no longer allowed",
	},
	"a condition that refuses less": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringNotEquals": {"a:key": ["x", "y"]}}}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringNotEquals": {"a:key": ["x"]}}}`),
		[]string{"Policy widens"}, "",
	},
	"a condition that refuses more": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringNotEquals": {"a:key": "x"}}}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"StringNotEquals": {"a:key": ["x", "y"]}}}`),
		[]string{"Policy interrupts maybe"}, "no longer allowed",
	},
	"an address range that grows": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}`),
		[]string{"Policy widens"}, "",
	},
	"a denial that is removed": {
		statement(`{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}`), statement(`{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}`),
		[]string{"Role widens"}, "no longer denied: s3:DeleteObject on *",
	},
	"a denial that holds under a condition only": {
		statement(`{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}`), statement(`{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*", "Condition": {"Bool": {"a:b": "true"}}}`),
		[]string{"Role widens"}, "no longer denied",
	},
	"a denial that is wider": {
		statement(`{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}`), statement(`{"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}`),
		[]string{"Policy interrupts maybe"}, "newly denied: s3:Delete* on *",
	},
	"everything but something": {
		statement(`{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}`), statement(`{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}`),
		[]string{"Policy widens"}, "everything but iam:*",
	},
	"everything but something, and part of it": {
		statement(`{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}`), statement(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`),
		[]string{"Policy interrupts maybe"}, "no longer allowed",
	},
	"everything but something, and some of that": {
		statement(`{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}`), statement(`{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}`),
		[]string{"Policy interrupts maybe", "Policy widens"}, "iam:PassRole",
	},
	"a resource that is put together in another way": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": ["Beside", "Arn"]}, "/*"]]}}`), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": {"Fn::Sub": "${Beside.Arn}/prefix/*"}}`),
		[]string{"Policy interrupts maybe"}, "no longer allowed",
	},
	"a statement that moves to another policy": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}, {"Effect": "Allow", "Action": "a:c", "Resource": "k"}`),
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`) + "," + one("More", "AWS::IAM::ManagedPolicy", `"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "a:c", "Resource": "k"}}`),
		nil, "",
	},
	"a managed policy of the stack, attached": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`) + "," + one("More", "AWS::IAM::ManagedPolicy", `"PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "a:c", "Resource": "k"}}`),
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`) + "," + one("More", "AWS::IAM::ManagedPolicy", `"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "a:c", "Resource": "k"}}`),
		[]string{"More widens"}, "a:c on k",
	},
	"a managed policy of AWS, attached": {
		one("Role", role, `"Path": "/"`), one("Role", role, `"Path": "/", "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]`),
		[]string{"Role widens"}, "newly attached: arn:aws:iam::aws:policy/AdministratorAccess",
	},
	"a boundary that is taken away": {
		one("Role", role, `"PermissionsBoundary": "b"`), one("Role", role, `"Path": "/"`),
		[]string{"Role replaces", "Role widens"}, "no boundary limits",
	},
	"a role that trusts someone else": {
		trusts(`{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}`), trusts(`{"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root", "210987654321"]}, "Action": "sts:AssumeRole"}`),
		[]string{"Role widens"}, "sts:AssumeRole on itself for account 210987654321",
	},
	"a role that trusts any branch": {
		trusts(`{"Effect": "Allow", "Principal": {"Federated": "p"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"t:sub": "repo:o/r:ref:refs/heads/main"}}}`),
		trusts(`{"Effect": "Allow", "Principal": {"Federated": "p"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {"t:sub": "repo:o/r:*"}}}`),
		[]string{"Role widens"}, "",
	},
	"a new role is reported with all that it may do": {
		"", statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`),
		[]string{"Role widens"}, "new, and allowed: a:b on k",
	},
	"each statement is told by itself": {
		statement(""), statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}, {"Effect": "Allow", "Action": "a:c", "Resource": "*"}`),
		[]string{"Policy widens"}, "newly allowed: a:b on k\n",
	},
	"a new role that strangers may take": {
		"", trusts(`{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}`),
		[]string{"Role widens"}, "open to others",
	},
	"a role that goes": {
		statement(`{"Effect": "Allow", "Action": "a:b", "Resource": "k"}`), "",
		[]string{"Role interrupts"}, "who takes the role is refused",
	},
	"a key for someone else": {
		one("Key", "AWS::KMS::Key", `"KeyPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "a"}, "Action": "kms:*", "Resource": "*"}]}`, retained),
		one("Key", "AWS::KMS::Key", `"KeyPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["a", "b"]}, "Action": "kms:*", "Resource": "*"}]}`, retained),
		[]string{"Key widens"}, "kms:* on * for AWS b",
	},
	"a key for fewer": {
		one("Key", "AWS::KMS::Key", `"KeyPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["a", "b"]}, "Action": "kms:*", "Resource": "*"}]}`, retained),
		one("Key", "AWS::KMS::Key", `"KeyPolicy": {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["a"]}, "Action": "kms:*", "Resource": "*"}]}`, retained),
		[]string{"Key interrupts maybe"}, "no longer allowed: kms:* on * for AWS b",
	},
	"a bucket's denial goes with its policy": {
		one("Bucket", "AWS::S3::Bucket", `"BucketName": "b"`, retained) + "," + one("Access", "AWS::S3::BucketPolicy", `"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}}`),
		one("Bucket", "AWS::S3::Bucket", `"BucketName": "b"`, retained),
		[]string{"Bucket widens"}, "no longer denied",
	},
	"a bucket goes with its policy": {
		one("Bucket", "AWS::S3::Bucket", `"BucketName": "b"`, retained) + "," + one("Access", "AWS::S3::BucketPolicy", `"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}}`),
		"", []string{"Bucket orphans"}, "",
	},
	"a first policy of a bucket": {
		one("Bucket", "AWS::S3::Bucket", `"BucketName": "b"`, retained),
		one("Bucket", "AWS::S3::Bucket", `"BucketName": "b"`, retained) + "," + one("Access", "AWS::S3::BucketPolicy", `"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": {"Effect": "Allow", "Principal": {"Service": "s"}, "Action": "s3:Get*", "Resource": "*"}}`),
		[]string{"Access widens"}, "",
	},
	"a new topic with its own policy": {
		"", one("Topic", "AWS::SNS::Topic", "") + "," + one("Access", "AWS::SNS::TopicPolicy", `"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}}`),
		nil, "",
	},
	"a new topic for everyone": {
		"", one("Topic", "AWS::SNS::Topic", "") + "," + one("Access", "AWS::SNS::TopicPolicy", `"Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}}`),
		[]string{"Access widens"}, "open to others: sns:Publish on * for *",
	},
	"a policy as text, from pieces": {
		one("Logs", "AWS::Logs::ResourcePolicy", `"PolicyName": "p", "PolicyDocument": {"Fn::Join": ["", ["{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"a\"},\"Action\":\"logs:Put\",\"Resource\":\"", {"Fn::GetAtt": ["Beside", "Arn"]}, "\"}]}"]]}`),
		one("Logs", "AWS::Logs::ResourcePolicy", `"PolicyName": "p", "PolicyDocument": {"Fn::Join": ["", ["{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"a\"},\"Action\":\"logs:*\",\"Resource\":\"", {"Fn::GetAtt": ["Beside", "Arn"]}, "\"}]}"]]}`),
		[]string{"Logs widens"}, "logs:* on ${Beside.Arn} for Service a",
	},
	"a function that another service may call": {
		one("F", "AWS::Lambda::Function", `"Handler": "h"`) + "," + one("A", "AWS::Lambda::Permission", `"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "F"}, "Principal": "s3.amazonaws.com", "SourceAccount": "1"`),
		one("F", "AWS::Lambda::Function", `"Handler": "h"`) + "," + one("A", "AWS::Lambda::Permission", `"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "F"}, "Principal": "s3.amazonaws.com", "SourceAccount": "1"`) + "," +
			one("B", "AWS::Lambda::Permission", `"Action": "lambda:InvokeFunction", "FunctionName": {"Fn::GetAtt": ["F", "Arn"]}, "Principal": "sns.amazonaws.com"`),
		[]string{"B widens"}, "for Service sns.amazonaws.com",
	},
	"a function that runs as someone else": {
		one("F", "AWS::Lambda::Function", `"Role": "a"`), one("F", "AWS::Lambda::Function", `"Role": "b"`),
		[]string{"F enters"}, "permissions of another role",
	},
	"tasks that run as someone else": {
		one("T", "AWS::ECS::TaskDefinition", `"TaskRoleArn": "a"`), one("T", "AWS::ECS::TaskDefinition", `"TaskRoleArn": "b"`),
		[]string{"T enters"}, "permissions of another role",
	},
	"someone else hears the alarms": {
		one("T", "AWS::SNS::Topic", ""), one("T", "AWS::SNS::Topic", "") + "," + one("S", "AWS::SNS::Subscription", `"TopicArn": {"Ref": "T"}, "Protocol": "email", "Endpoint": "x@example.org"`),
		[]string{"S widens"}, "someone else hears a topic",
	},
	"more operations in Kafka": {
		one("A", "Custom::KafkaAccess", `"Grants": [{"Resource": "topic", "Name": "t", "Pattern": "literal", "Operations": ["READ"]}]`), one("A", "Custom::KafkaAccess", `"Grants": [{"Resource": "topic", "Name": "t", "Pattern": "literal", "Operations": ["READ", "WRITE"]}]`),
		[]string{"A widens"}, "more in Kafka",
	},
	"a cache user with more commands": {
		one("A", "AWS::ElastiCache::User", `"AccessString": "on ~wallet:* +get"`), one("A", "AWS::ElastiCache::User", `"AccessString": "on ~wallet:* +get +set"`),
		[]string{"A widens"}, "",
	},
}

func TestNobodyIsAllowedMoreUnnoticed(t *testing.T) {
	for name, p := range permissions {
		t.Run(name, p.check)
	}
}

// A policy is recognized by its form, in whichever property of whichever type it
// stands.
func TestNoPolicyOfAResourceIsOverlooked(t *testing.T) {
	policy := func(action string) string {
		return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "a"}, "Action": "` + action + `", "Resource": "r"}]}`
	}
	for _, c := range []struct{ kind, property string }{
		{"AWS::Backup::BackupVault", "AccessPolicy"},
		{"AWS::EC2::VPCEndpoint", "PolicyDocument"},
		{"AWS::ECR::RegistryPolicy", "PolicyText"},
		{"AWS::ECR::Repository", "RepositoryPolicyText"},
		{"AWS::Events::EventBus", "Policy"},
		{"AWS::IAM::Role", "AssumeRolePolicyDocument"},
		{"AWS::KMS::Key", "KeyPolicy"},
		{"AWS::KMS::ReplicaKey", "KeyPolicy"},
		{"AWS::Logs::LogGroup", "ResourcePolicyDocument"},
		{"AWS::Logs::ResourcePolicy", "PolicyDocument"},
		{"AWS::MSK::ClusterPolicy", "Policy"},
		{"AWS::S3::BucketPolicy", "PolicyDocument"},
		{"AWS::SNS::TopicPolicy", "PolicyDocument"},
		{"AWS::SNS::TopicInlinePolicy", "PolicyDocument"},
		{"AWS::SQS::QueuePolicy", "PolicyDocument"},
		{"AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"},
		{"AWS::XRay::ResourcePolicy", "PolicyDocument"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			report := compare(t, map[string]string{"s": resources(one("A", c.kind, `"`+c.property+`": `+policy("a:b"), retained))},
				map[string]string{"s": resources(one("A", c.kind, `"`+c.property+`": `+policy("a:*"), retained))})
			assert.Contains(t, verdictsOf(report), "A widens")
			assert.Contains(t, texts(report), "newly allowed: a:* on r for AWS a")
		})
	}
}

// member is a security group with a rule.
func member(rule string) string {
	return one("Group", "AWS::EC2::SecurityGroup", `"VpcId": "v", "SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}], "SecurityGroupIngress": [`+rule+`]`)
}

// reach are changes of who reaches what.
var reach = map[string]pair{
	"a wider network": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/16"}`), member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}`),
		[]string{"Group interrupts maybe", "Group widens"}, "newly open: tcp, port 443, from 10.0.0.0/8",
	},
	"a narrower network": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}`), member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.7.0.0/16"}`),
		[]string{"Group interrupts maybe"}, "no longer open",
	},
	"a narrower network of IPv6": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"}`), member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "2001:db8::/32"}`),
		[]string{"Group interrupts maybe"}, "no longer open",
	},
	"a wider network of IPv6": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "2001:db8::/32"}`), member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"}`),
		[]string{"Group interrupts maybe", "Group widens"}, "from ::/0",
	},
	"IPv4 says nothing of IPv6": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}`), member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"}`),
		[]string{"Group interrupts maybe", "Group widens"}, "",
	},
	"more ports": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/16"}`), member(`{"IpProtocol": "tcp", "FromPort": 440, "ToPort": 443, "CidrIp": "10.0.0.0/16"}`),
		[]string{"Group interrupts maybe", "Group widens"}, "ports 440 to 443",
	},
	"one port of every protocol": {
		member(`{"IpProtocol": "-1", "CidrIp": "10.0.0.0/16"}`), member(`{"IpProtocol": "tcp", "FromPort": 440, "ToPort": 443, "CidrIp": "10.0.0.0/16"}`),
		[]string{"Group interrupts maybe"}, "no longer open",
	},
	"every protocol": {
		member(`{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIp": "10.0.0.0/16"}`), member(`{"IpProtocol": -1, "CidrIp": "10.0.0.0/16"}`),
		[]string{"Group interrupts maybe", "Group widens"}, "every protocol, all ports",
	},
	"a rule that moves into a resource of its own": {
		member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "SourceSecurityGroupId": "sg"}`),
		member("") + "," + one("Rule", "AWS::EC2::SecurityGroupIngress", `"GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}, "IpProtocol": "6", "FromPort": "443", "ToPort": "443", "SourceSecurityGroupId": "sg"`),
		nil, "",
	},
	"another group may come in": {
		member(""), member("") + "," + one("Rule", "AWS::EC2::SecurityGroupIngress", `"GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}, "IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "SourceSecurityGroupId": "sg"`),
		[]string{"Rule widens"}, "port 3306, from sg",
	},
	"a group of another stack lets in": {
		"", one("Rule", "AWS::EC2::SecurityGroupIngress", `"GroupId": {"Fn::ImportValue": "x"}, "IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "SourceSecurityGroupId": "sg"`),
		[]string{"Rule widens"}, "",
	},
	"a new group that is private": {
		"", member(`{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/16"}`),
		[]string{"Group widens"}, "to 0.0.0.0/0",
	},
	"a new group for the world": {
		"", one("Group", "AWS::EC2::SecurityGroup", `"SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"}], "SecurityGroupIngress": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}`),
		[]string{"Group widens"}, "port 22, from 0.0.0.0/0",
	},
	"a new group between groups": {
		"", one("Group", "AWS::EC2::SecurityGroup", `"SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "DestinationSecurityGroupId": "sg"}], "SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "SourceSecurityGroupId": "sg"}]`),
		nil, "",
	},
	"no rule of egress is every rule of egress": {
		one("Group", "AWS::EC2::SecurityGroup", `"SecurityGroupEgress": [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8"}]`), one("Group", "AWS::EC2::SecurityGroup", `"VpcId": {"Ref": "AWS::NoValue"}`),
		[]string{"Group widens"}, "EC2's default",
	},
	"an access list that lets more in": {
		one("List", "AWS::EC2::NetworkAcl", `"VpcId": "v"`) + "," + one("E", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 100, "RuleAction": "allow", "Protocol": 6, "CidrBlock": "10.0.0.0/16", "PortRange": {"From": 443, "To": 443}`),
		one("List", "AWS::EC2::NetworkAcl", `"VpcId": "v"`) + "," + one("E", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 100, "RuleAction": "allow", "Protocol": 6, "CidrBlock": "10.0.0.0/8", "PortRange": {"From": 443, "To": 443}`),
		[]string{"E widens"}, "from 10.0.0.0/8",
	},
	"an access list that lets in before it refuses": {
		one("List", "AWS::EC2::NetworkAcl", `"VpcId": "v"`) + "," + one("D", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 50, "RuleAction": "deny", "Protocol": -1, "CidrBlock": "10.9.0.0/16"`) + "," +
			one("E", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 100, "RuleAction": "allow", "Protocol": -1, "CidrBlock": "10.0.0.0/8"`),
		one("List", "AWS::EC2::NetworkAcl", `"VpcId": "v"`) + "," + one("D", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 50, "RuleAction": "deny", "Protocol": -1, "CidrBlock": "10.9.0.0/16"`) + "," +
			one("E", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 40, "RuleAction": "allow", "Protocol": -1, "CidrBlock": "10.0.0.0/8"`),
		[]string{"E replaces", "E widens"}, "",
	},
	"an access list that refuses no more": {
		one("List", "AWS::EC2::NetworkAcl", `"VpcId": "v"`) + "," + one("D", "AWS::EC2::NetworkAclEntry", `"NetworkAclId": {"Ref": "List"}, "RuleNumber": 50, "RuleAction": "deny", "Protocol": -1, "CidrBlock": "10.9.0.0/16"`),
		one("List", "AWS::EC2::NetworkAcl", `"VpcId": "v"`), []string{"D widens"}, "no longer closed",
	},
	"a way to the internet": {
		one("Table", "AWS::EC2::RouteTable", `"VpcId": "v"`), one("Table", "AWS::EC2::RouteTable", `"VpcId": "v"`) + "," + one("R", "AWS::EC2::Route", `"RouteTableId": {"Ref": "Table"}, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw"`),
		[]string{"R widens"}, "0.0.0.0/0 by Gateway igw",
	},
	"a public way where a private one was": {
		one("R", "AWS::EC2::Route", `"RouteTableId": "t", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat"`), one("R", "AWS::EC2::Route", `"RouteTableId": "t", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw"`),
		[]string{"R interrupts", "R widens"}, "Gateway igw",
	},
	"a public database": {
		one("A", instance, `"DBClusterIdentifier": "c", "PubliclyAccessible": false`), one("A", instance, `"DBClusterIdentifier": "c", "PubliclyAccessible": true`),
		[]string{"A widens"}, "public address",
	},
	"public addresses for what starts": {
		one("A", "AWS::EC2::Subnet", `"VpcId": "v", "MapPublicIpOnLaunch": false`), one("A", "AWS::EC2::Subnet", `"VpcId": "v", "MapPublicIpOnLaunch": true`),
		[]string{"A widens"}, "",
	},
	"a bucket that may be public": {
		one("A", "AWS::S3::Bucket", `"PublicAccessBlockConfiguration": {"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}`, retained), one("A", "AWS::S3::Bucket", `"PublicAccessBlockConfiguration": {"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true}`, retained),
		[]string{"A widens"}, "RestrictPublicBuckets",
	},
	"public brokers": {
		one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ConnectivityInfo": {"PublicAccess": {"Type": "DISABLED"}}}`, retained), one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ConnectivityInfo": {"PublicAccess": {"Type": "SERVICE_PROVIDED_EIPS"}}}`, retained),
		[]string{"A interrupts", "A widens"}, "",
	},
	"a rule for more paths": {
		one("A", listenerRule, `"Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/v1/wallets/*"]}}]`), one("A", listenerRule, `"Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}]`),
		[]string{"A traffic", "A widens"}, "answers more requests",
	},
	"a rule for fewer paths": {
		one("A", listenerRule, `"Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}]`), one("A", listenerRule, `"Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/v1/*"]}}]`),
		[]string{"A traffic"}, "",
	},
	"a new rule of a listener": {
		one("L", listener, `"Port": 443`), one("L", listener, `"Port": 443`) + "," + one("A", listenerRule, `"ListenerArn": {"Ref": "L"}, "Conditions": [{"Field": "path-pattern", "Values": ["may go to this one"]}]`),
		[]string{"A traffic", "A widens"}, "may go to this one",
	},
	"a new listener of a load balancer": {
		one("B", "AWS::ElasticLoadBalancingV2::LoadBalancer", `"Type": "application"`), one("B", "AWS::ElasticLoadBalancingV2::LoadBalancer", `"Type": "application"`) + "," + one("L", listener, `"LoadBalancerArn": {"Ref": "B"}, "Port": 8443`),
		[]string{"L widens"}, "answers on a port more",
	},
	"a shell in a task": {
		one("A", ecsService, `"EnableExecuteCommand": false`), one("A", ecsService, `"EnableExecuteCommand": true`),
		[]string{"A widens"}, "a shell",
	},
}

func TestNothingIsReachedByMoreUnnoticed(t *testing.T) {
	for name, p := range reach {
		t.Run(name, p.check)
	}
}
