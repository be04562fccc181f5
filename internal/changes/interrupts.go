package changes

import (
	"maps"
	"slices"
	"strconv"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
	"wallet-infra/internal/schema"
)

// interruption is a property whose change in place stops something for a while.
//
// This table is made by hand because no machine-readable source has it: neither
// CloudFormation's resource schemas nor the database behind CDK says "some
// interruptions"; only the prose of AWS's documents does, and the services' own
// documents contradict it where CloudFormation's says "no interruption" of an
// update that restarts a node. Each row names the document.
type interruption struct {
	kind, path string
	what       string
	source     string
	// when limits the row to changes in one direction; all when it is nil.
	when func(before, after resource) bool
	// inPlace says that the schema's "maybe replaced" stands for this interruption.
	inPlace bool
	// maybe says that it depends on what else the change is about.
	maybe bool
}

// Documents of AWS that several rows rely on.
const (
	reference   = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
	rdsInstance = reference + "aws-resource-rds-dbinstance.html"
	rdsCluster  = reference + "aws-resource-rds-dbcluster.html"
	cacheDoc    = reference + "aws-resource-elasticache-replicationgroup.html"
	listenerDoc = reference + "aws-resource-elasticloadbalancingv2-listener.html"
	aurora      = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html"
	cacheUpdate = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement-upgrade-considerations.html"
	mskConfig   = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-cluster-config.html"
	mskType     = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-broker-type.html"
	mskVersion  = "https://docs.aws.amazon.com/msk/latest/developerguide/version-upgrades.html"
	mskSecurity = "https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-security.html"
	ecsRolling  = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html"
)

var interruptions = []interruption{
	{kind: instance, path: "DBInstanceClass", what: "the instance restarts on other hardware; a writer fails over", source: rdsInstance},
	{kind: instance, path: "EngineVersion", what: "the instance restarts on the other version", source: rdsInstance},
	{kind: instance, path: "LicenseModel", what: "the instance restarts", source: rdsInstance},
	{kind: instance, path: "MultiAZ", what: "the instance may be unavailable while its standby is made or given up", source: rdsInstance, inPlace: true},
	{kind: instance, path: "AutoMinorVersionUpgrade", what: "a pending upgrade may be applied", source: rdsInstance, inPlace: true, maybe: true},
	{kind: instance, path: "BackupRetentionPeriod", what: "turning automatic backups on or off restarts the instance", source: rdsInstance, inPlace: true, maybe: true},
	{kind: instance, path: "DBParameterGroupName", what: "another parameter group takes effect with a restart", source: rdsInstance, inPlace: true},
	{kind: instance, path: "PreferredMaintenanceWindow", what: "what is pending is applied at once when the new window is now", source: rdsInstance, inPlace: true, maybe: true},
	{kind: instance, path: "StorageType", what: "the instance may restart while its storage is converted", source: rdsInstance, inPlace: true, maybe: true},
	{kind: instance, path: "CACertificateIdentifier", what: "the instance may restart with the other certificate", source: aurora, maybe: true},
	{kind: "AWS::RDS::DBCluster", path: "EngineVersion", what: "every instance of the cluster restarts on the other version", source: rdsCluster},
	{kind: "AWS::RDS::DBCluster", path: "DBClusterParameterGroupName", what: "another parameter group takes effect when the instances restart", source: rdsCluster},
	{kind: "AWS::RDS::DBCluster", path: "Port", what: "every instance restarts, and clients must know the other port", source: aurora},
	{kind: "AWS::RDS::DBCluster", path: "DBClusterInstanceClass", what: "the instances restart on other hardware", source: rdsCluster},
	{kind: "AWS::RDS::GlobalCluster", path: "EngineVersion", what: "every instance of every region restarts on the other version", source: reference + "aws-resource-rds-globalcluster.html"},
	{kind: "AWS::RDS::DBClusterParameterGroup", path: "Parameters", what: "instances restart for a static parameter; a dynamic one takes effect at once", source: rdsCluster, maybe: true},
	{kind: "AWS::RDS::DBParameterGroup", path: "Parameters", what: "instances restart for a static parameter; a dynamic one takes effect at once", source: rdsInstance, maybe: true},

	{kind: cacheGroup, path: "CacheNodeType", what: "the primary node fails over to one of the other type", source: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/redis-cluster-vertical-scaling.html"},
	{kind: cacheGroup, path: "EngineVersion", what: "nodes are exchanged, and writes fail during the failover", source: cacheUpdate},
	{kind: cacheGroup, path: "CacheParameterGroupName", what: "some parameters take effect when the nodes restart", source: cacheDoc, maybe: true},
	{kind: cacheGroup, path: "TransitEncryptionEnabled", what: "clients must connect in the other way", source: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html"},
	{kind: cacheGroup, path: "TransitEncryptionMode", what: "clients without TLS are turned away", source: "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-enable.html", when: becomes("TransitEncryptionMode", "required")},
	{kind: cacheGroup, path: "NumNodeGroups", what: "keys move between shards; some requests fail meanwhile", source: cacheDoc},
	{kind: cacheGroup, path: "NumCacheClusters", what: "nodes are removed, and the connections to them end", source: cacheDoc, when: lower("NumCacheClusters")},
	{kind: "AWS::ElastiCache::ParameterGroup", path: "Properties", what: "some parameters take effect when the nodes restart", source: reference + "aws-resource-elasticache-parametergroup.html", maybe: true},

	{kind: "AWS::MSK::Cluster", path: "BrokerNodeGroupInfo.InstanceType", what: "the brokers restart, one after the other", source: mskType},
	{kind: "AWS::MSK::Cluster", path: "KafkaVersion", what: "the brokers restart on the other version, one after the other", source: mskVersion},
	{kind: "AWS::MSK::Cluster", path: "ConfigurationInfo", what: "the brokers restart with the other configuration, one after the other", source: mskConfig},
	{kind: "AWS::MSK::Cluster", path: "ClientAuthentication", what: "the brokers restart, and clients of a way that is turned off are turned away", source: mskSecurity},
	{kind: "AWS::MSK::Cluster", path: "EncryptionInfo.EncryptionInTransit.ClientBroker", what: "the brokers restart, and clients of a way that is turned off are turned away", source: mskSecurity},
	{kind: "AWS::MSK::Cluster", path: "BrokerNodeGroupInfo.ConnectivityInfo", what: "the brokers restart, one after the other", source: reference + "aws-resource-msk-cluster.html"},
	{kind: "AWS::MSK::Cluster", path: "NumberOfBrokerNodes", what: "brokers are removed, and with them what is still on them", source: "https://docs.aws.amazon.com/msk/latest/developerguide/msk-remove-broker.html", when: lower("NumberOfBrokerNodes")},
	{kind: "AWS::MSK::Configuration", path: "ServerProperties", what: "the clusters that follow its latest revision restart their brokers, one after the other", source: mskConfig},

	{kind: ecsService, path: "TaskDefinition", what: "tasks stop before new ones run: less than all must stay healthy", source: ecsRolling, when: stopsFirst},
	{kind: ecsService, path: "NetworkConfiguration", what: "tasks stop before new ones run: less than all must stay healthy", source: ecsRolling, when: stopsFirst},
	{kind: ecsService, path: "DesiredCount", what: "the service runs no task any more", source: reference + "aws-resource-ecs-service.html", when: becomes("DesiredCount", "0")},
	{kind: "AWS::ApplicationAutoScaling::ScalableTarget", path: "MaxCapacity", what: "nothing may run any more", source: "https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scalable-target.html", when: becomes("MaxCapacity", "0")},

	{kind: listener, path: "Port", what: "clients of the old port find nobody", source: listenerDoc},
	{kind: listener, path: "Protocol", what: "clients of the old protocol find nobody", source: listenerDoc},
	{kind: listener, path: "Certificates", what: "connections of an HTTPS listener may be interrupted", source: listenerDoc},
	{kind: listener, path: "SslPolicy", what: "connections of a busy load balancer may be interrupted", source: listenerDoc, maybe: true},
	{kind: "AWS::ElasticLoadBalancingV2::LoadBalancer", path: "Subnets", what: "the addresses in a zone that leaves go away with their connections", source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html"},

	{kind: "AWS::EC2::VPC", path: "InstanceTenancy", what: "instances may restart", source: reference + "aws-resource-ec2-vpc.html", maybe: true},
	{kind: "AWS::EC2::VPC", path: "EnableDnsSupport", what: "names no longer resolve in the network", source: reference + "aws-resource-ec2-vpc.html", when: becomes("EnableDnsSupport", "false")},
	{kind: "AWS::EC2::VPC", path: "EnableDnsHostnames", what: "private names of endpoints no longer resolve", source: reference + "aws-resource-ec2-vpc.html", when: becomes("EnableDnsHostnames", "false")},
	{kind: "AWS::EC2::VPCEndpoint", path: "PrivateDnsEnabled", what: "clients reach the service by another way, or not at all", source: reference + "aws-resource-ec2-vpcendpoint.html", when: becomes("PrivateDnsEnabled", "false")},
	{kind: "AWS::EC2::VPCEndpoint", path: "SubnetIds", what: "the endpoint's addresses in a subnet that leaves go away", source: reference + "aws-resource-ec2-vpcendpoint.html", maybe: true},
	{kind: "AWS::EC2::EIP", path: "InstanceId", what: "the address is moved", source: reference + "aws-resource-ec2-eip.html"},
	{kind: "AWS::EC2::EIP", path: "PublicIpv4Pool", what: "the address is associated anew", source: reference + "aws-resource-ec2-eip.html"},
	{kind: "AWS::EC2::EIP", path: "Tags", what: "the address is associated anew, which AWS says of a change of its tags too", source: reference + "aws-resource-ec2-eip.html", maybe: true},

	{kind: "AWS::KMS::Key", path: "Enabled", what: "nothing can be decrypted with the key", source: reference + "aws-resource-kms-key.html", when: becomes("Enabled", "false")},
	{kind: "AWS::KMS::Key", path: "KeyPolicy", what: "who loses the key loses what is encrypted with it", source: "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html", maybe: true, when: shrinks},
	{kind: "AWS::SecretsManager::Secret", path: "GenerateSecretString", what: "a new value is generated, which nobody has set where it is needed", source: reference + "aws-resource-secretsmanager-secret.html"},
	{kind: "AWS::SecretsManager::Secret", path: "SecretString", what: "the value is another one, which nobody has set where it is needed", source: reference + "aws-resource-secretsmanager-secret.html"},
	{kind: "AWS::Lambda::Function", path: "ReservedConcurrentExecutions", what: "the function does not run any more", source: reference + "aws-resource-lambda-function.html", when: becomes("ReservedConcurrentExecutions", "0")},
	{kind: "AWS::CloudFront::Distribution", path: "DistributionConfig.Enabled", what: "the distribution answers nobody", source: reference + "aws-resource-cloudfront-distribution.html", when: becomes("DistributionConfig.Enabled", "false")},
}

// becomes limits a row to one new value.
func becomes(path, value string) func(before, after resource) bool {
	return func(_, after resource) bool { return text(after.properties, path) == value }
}

// lower limits a row to a smaller number, or to one that cannot be compared.
func lower(path string) func(before, after resource) bool {
	return func(before, after resource) bool {
		was, err := strconv.ParseFloat(text(before.properties, path), 64)
		to, wrong := strconv.ParseFloat(text(after.properties, path), 64)
		return err != nil || wrong != nil || to < was
	}
}

// stopsFirst says that a service's deployment takes tasks away before it has new
// ones. Blue/green, canary and linear deployments never do.
func stopsFirst(_, after resource) bool {
	strategy := text(after.properties, "DeploymentConfiguration.Strategy")
	if strategy != "" && strategy != "ROLLING" {
		return false
	}
	if text(after.properties, "DeploymentController.Type") == "CODE_DEPLOY" {
		return false
	}
	percent := at(after.properties, "DeploymentConfiguration.MinimumHealthyPercent")
	if percent == nil {
		return false // 100
	}
	number, err := strconv.Atoi(cfn.Canonical(percent))
	return err != nil || number < 100
}

// shrinks says that a policy no longer allows all that it allowed.
func shrinks(before, after resource) bool {
	return len(uncovered(grantsIn(before, "KeyPolicy", policy.Allow), grantsIn(after, "KeyPolicy", policy.Allow))) > 0
}

// judgeInterruptions asks the table. A reference to something that is replaced is
// a change as well.
func (c *comparison) judgeInterruptions(is stack, before, after resource) {
	marked := c.mark(is, after.properties, schema.Maybe)
	for _, row := range interruptions {
		if row.kind != after.kind || same(at(before.properties, row.path), at(marked, row.path)) {
			continue
		}
		if row.when != nil && !row.when(before, after) {
			continue
		}
		was, to := at(before.properties, row.path), at(after.properties, row.path)
		f := finding{
			stack: is.name, resource: after, verdict: Interrupts, property: row.path, maybe: row.maybe, source: row.source,
			text: row.path + " changes from " + transition(was, to) + ": " + row.what, value: cfn.Canonical(to),
		}
		if same(was, to) {
			f.text, f.value, f.maybe = row.path+" refers to "+c.causes(is, to)+", which changes: "+row.what, "", true
		}
		c.add(f)
	}
}

// judgeInPlace asks every rule about what changes in a resource, in each stack
// that exists on both sides.
func (c *comparison) judgeInPlace(was, is stack) {
	for _, id := range slices.Sorted(maps.Keys(is.resources)) {
		before, existed := was.resources[id]
		after := is.resources[id]
		if !existed {
			c.judgeNewTraffic(was, is, after)
			continue
		}
		if before.kind != after.kind {
			continue
		}
		c.judgeInterruptions(is, before, after)
		c.judgeGuards(is, before, after)
		c.judgeTraffic(is, before, after)
	}
}
