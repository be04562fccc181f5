package changes

// Resource types that several parts speak of.
const (
	listener       = "AWS::ElasticLoadBalancingV2::Listener"
	listenerRule   = "AWS::ElasticLoadBalancingV2::ListenerRule"
	instance       = "AWS::RDS::DBInstance"
	role           = "AWS::IAM::Role"
	ecsService     = "AWS::ECS::Service"
	taskDefinition = "AWS::ECS::TaskDefinition"
	cacheGroup     = "AWS::ElastiCache::ReplicationGroup"
)

// Documents of AWS that rules rely on.
const (
	reference    = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
	queueTimeout = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"
	idleTimeout  = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"
	ecsRolling   = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html"
)

// computeRules: what runs, and how it is exchanged and scaled.
var computeRules = map[string][]rule{
	ecsService: {
		must("AvailabilityZoneRebalancing", "ENABLED", Weakens, "tasks are not spread over the zones again after one was lost"),
		list("DeploymentConfiguration/Alarms/AlarmNames", Safe, "more alarms stop a deployment", Weakens, "fewer alarms stop a deployment"),
		must("DeploymentConfiguration/Alarms/Enable", "true", Weakens, "no alarm stops a deployment"),
		must("DeploymentConfiguration/Alarms/Rollback", "true", Weakens, "a deployment that alarms is not rolled back"),
		floor("DeploymentConfiguration/BakeTimeInMinutes", Weakens, "less time to notice that a version is bad"),
		floor("DeploymentConfiguration/CanaryConfiguration/CanaryBakeTimeInMinutes", Weakens, "less time to notice that a version is bad"),
		ceiling("DeploymentConfiguration/CanaryConfiguration/CanaryPercent", "more requests meet a version that nobody has seen"),
		must("DeploymentConfiguration/DeploymentCircuitBreaker/Enable", "true", Weakens, "a deployment that fails is not stopped"),
		must("DeploymentConfiguration/DeploymentCircuitBreaker/Rollback", "true", Weakens, "a deployment that fails is not rolled back"),
		row("DeploymentConfiguration/LifecycleHooks/*", comes(Enters, "a function that decides on deployments"), goes(Weakens, "a deployment goes on without one of its checks")),
		every("DeploymentConfiguration/LifecycleHooks/*/HookDetails", Enters, "the hook is told to do something else"),
		every("DeploymentConfiguration/LifecycleHooks/*/HookTargetArn", Enters, "another function decides on deployments"),
		list("DeploymentConfiguration/LifecycleHooks/*/LifecycleStages", Interrupts, "deployments wait for the check at another stage", Weakens, "a deployment goes on without one of its checks"),
		every("DeploymentConfiguration/LifecycleHooks/*/RoleArn", Enters, "hooks are called with the permissions of another role"),
		floor("DeploymentConfiguration/MaximumPercent", Weakens, "a deployment has less room for new tasks"),
		floor("DeploymentConfiguration/MinimumHealthyPercent", Weakens, "a deployment leaves fewer tasks running"),
		every("DeploymentConfiguration/Strategy", Traffic, "how traffic moves to a new version"),
		every("DeploymentController", Traffic, "how traffic moves to a new version"),
		row("DesiredCount", does(Interrupts, "each update sets the number of tasks, whatever scaling has made of it", reference+"aws-resource-ecs-service.html")),
		harmless("EnableECSManagedTags", "tags of tasks"),
		must("EnableExecuteCommand", "|false", Widens, "a shell in a task can be opened"),
		row("HealthCheckGracePeriodSeconds", up(Weakens, "a task that does not answer is noticed later"), down(Interrupts, "tasks that are still starting are stopped")),
		every("LoadBalancers", Traffic, "which targets and rules the service's deployments use"),
		every("LoadBalancers/*/AdvancedConfiguration/RoleArn", Enters, "traffic is moved with the permissions of another role"),
		must("NetworkConfiguration/AwsvpcConfiguration/AssignPublicIp", "DISABLED", Widens, "the tasks have public addresses"),
		list("NetworkConfiguration/AwsvpcConfiguration/SecurityGroups", Widens, "the tasks reach, and are reached, as another group's members too", Interrupts, "the tasks reach less, and fewer reach them"),
		list("NetworkConfiguration/AwsvpcConfiguration/Subnets", Traffic, "tasks start in another subnet, with its routes", Weakens, "tasks start in fewer subnets, perhaps of fewer zones"),
		harmless("PropagateTags", "tags of tasks"),
		row("TaskDefinition",
			when("own", ownResource, Safe, "the deployment exchanges the tasks"),
			outcome{on: "stops first", holds: stopsFirst, verdict: Interrupts, text: "tasks stop before new ones run: less than all must stay healthy", source: ecsRolling, follows: true},
			when("elsewhere", unless(ownResource), Enters, "the tasks run what this template does not say")),
		row("ServiceConnectConfiguration", does(Traffic, "under which name the tasks are found")),
	},
	taskDefinition: {
		row("ContainerDefinitions/*", comes(Enters, "a container more runs beside the others"), goes(Interrupts, "a container less runs")),
		every("ContainerDefinitions/*/Command", Enters, "the container runs something else"),
		floor("ContainerDefinitions/*/Cpu", Weakens, "the container gets less of the processor"),
		every("ContainerDefinitions/*/DependsOn", Interrupts, "the containers start in another order"),
		every("ContainerDefinitions/*/EntryPoint", Enters, "the container runs something else"),
		row("ContainerDefinitions/*/Environment/*",
			when("the application's own", ownVariable, Safe, "a plain value that only the application reads"),
			when("any other", unless(ownVariable), Enters, "code, trust or another address may enter by it")),
		harmless("ContainerDefinitions/*/Environment/RELEASE", "the name of the release, for logs"),
		every("ContainerDefinitions/*/Essential", Interrupts, "the task stops with the container, or lives on without it"),
		every("ContainerDefinitions/*/HealthCheck", Weakens, "the container counts as healthy by something else"),
		row("ContainerDefinitions/*/Image",
			when("another tag", sameRepository, Safe, "another tag of the same repository"),
			outcome{on: "elsewhere", holds: unless(sameRepository), verdict: Enters, text: "code from another place", fresh: true}),
		every("ContainerDefinitions/*/LinuxParameters", Enters, "the container may do other things to its host"),
		alsoWhenNew(list("ContainerDefinitions/*/LinuxParameters/Capabilities/Add", Enters, "the container may do more to its host", Safe, "the container may do less to its host")),
		list("ContainerDefinitions/*/LinuxParameters/Capabilities/Drop", Safe, "the container may do less to its host", Enters, "the container may do more to its host"),
		every("ContainerDefinitions/*/LogConfiguration", Weakens, "the container logs elsewhere, otherwise or not at all"),
		floor("ContainerDefinitions/*/Memory", Weakens, "the container gets less memory"),
		every("ContainerDefinitions/*/MountPoints", Weakens, "the container reads or writes other files"),
		every("ContainerDefinitions/*/PortMappings", Traffic, "on which port the container answers"),
		must("ContainerDefinitions/*/Privileged", "|false", Enters, "the container rules its host"),
		must("ContainerDefinitions/*/ReadonlyRootFilesystem", "true", Weakens, "what breaks in can write to the container's files"),
		every("ContainerDefinitions/*/RestartPolicy", Weakens, "a container that ends starts again otherwise, or not"),
		row("ContainerDefinitions/*/Secrets/*", comes(Enters, "the container gets a secret more"), goes(Interrupts, "the container misses a secret"), alters(Enters, "the container gets another secret")),
		row("ContainerDefinitions/*/StopTimeout", up(Safe, "requests have longer to end"), down(Interrupts, "requests have less time to end")),
		row("ContainerDefinitions/*/Ulimits/*", goes(Weakens, "the default of AWS holds")),
		floor("ContainerDefinitions/*/Ulimits/*/HardLimit", Weakens, "fewer files and connections"),
		floor("ContainerDefinitions/*/Ulimits/*/SoftLimit", Weakens, "fewer files and connections"),
		every("ContainerDefinitions/*/User", Enters, "the container runs as another user"),
		floor("Cpu", Weakens, "the task gets less of the processor"),
		every("ExecutionRoleArn", Enters, "the tasks start with the permissions of another role"),
		every("Family", Interrupts, "who starts it by its family finds the old one"),
		every("IpcMode", Enters, "the containers share memory with others"),
		floor("Memory", Weakens, "the task gets less memory"),
		every("NetworkMode", Interrupts, "the tasks have no address of their own"),
		every("PidMode", Enters, "the containers see and stop the processes of others"),
		every("RuntimePlatform", Interrupts, "an image of another platform does not start"),
		every("TaskRoleArn", Enters, "the tasks run with the permissions of another role"),
		every("Volumes", Weakens, "the containers share other files"),
	},
	"AWS::ECS::Cluster": {
		must("ClusterSettings/containerInsights", "enhanced", Weakens, "fewer metrics of tasks and containers"),
		every("Configuration/ExecuteCommandConfiguration", Weakens, "sessions in tasks are recorded otherwise, or not at all"),
	},
	"AWS::ApplicationAutoScaling::ScalableTarget": {
		row("MaxCapacity", up(Safe, "more may run"), down(Weakens, "fewer may run, however high the load"),
			becomes(Interrupts, "nothing may run any more", "0")),
		floor("MinCapacity", Weakens, "fewer are there when the load comes"),
	},
	"AWS::ApplicationAutoScaling::ScalingPolicy": {
		every("PolicyType", Weakens, "the number follows the load in another way"),
		every("TargetTrackingScalingPolicyConfiguration/CustomizedMetricSpecification", Weakens, "the number follows another measure"),
		harmless("TargetTrackingScalingPolicyConfiguration/CustomizedMetricSpecification/Metrics/*/Label", "a name for readers"),
		row("TargetTrackingScalingPolicyConfiguration/DisableScaleIn", becomes(Safe, "nothing is taken away when the load falls", "true"), when("leaves true", leaves([]string{"true"}), Weakens, "what was added goes when the load falls")),
		every("TargetTrackingScalingPolicyConfiguration/PredefinedMetricSpecification", Weakens, "the number follows another measure"),
		floor("TargetTrackingScalingPolicyConfiguration/ScaleInCooldown", Weakens, "capacity goes sooner after the load falls"),
		ceiling("TargetTrackingScalingPolicyConfiguration/ScaleOutCooldown", "capacity comes later after the load rises"),
		ceiling("TargetTrackingScalingPolicyConfiguration/TargetValue", "capacity comes only at a higher load"),
	},
	"AWS::Lambda::Function": {
		every("Architectures", Interrupts, "code of another architecture does not start"),
		row("Code", does(Enters, "code from another place")),
		row("Code/S3Bucket", when("the account's own", bucketOfAssets, Enters, "code from another place"),
			outcome{on: "elsewhere", holds: unless(bucketOfAssets), verdict: Enters, text: "code from a bucket that is not the one of this account's assets", fresh: true}),
		row("Code/S3Key", alters(Safe, "another build of this repository, in the bucket of its assets"), comes(Enters, "code from another place")),
		harmless("Description", "a text for readers"),
		row("Environment/Variables/*", when("any", anyChange, Interrupts, "the function works otherwise, or on something else")),
		every("Handler", Enters, "other code of the package runs"),
		every("KmsKeyArn", Weakens, "its variables are under another key"),
		every("Layers", Enters, "code from another place"),
		every("LoggingConfig", Weakens, "the function logs elsewhere, or otherwise"),
		floor("MemorySize", Weakens, "the function gets less memory and processor"),
		row("ReservedConcurrentExecutions", up(Safe, "more may run at once"), down(Interrupts, "fewer may run at once")),
		every("Role", Enters, "it runs with the permissions of another role"),
		every("Runtime", Enters, "other code of AWS runs it"),
		row("Timeout", up(Safe, "the function has longer to end"), down(Interrupts, "work that takes longer is cut off"),
			when("longer than a queue hides", outlastsQueue, Interrupts, "a message that is worked on is seen again", queueTimeout)),
		list("VpcConfig/SecurityGroupIds", Widens, "the function reaches more", Interrupts, "the function reaches less"),
		list("VpcConfig/SubnetIds", Traffic, "the function runs in another subnet, with its routes", Weakens, "the function runs in fewer subnets, perhaps of fewer zones"),
	},
	"AWS::Lambda::EventSourceMapping": {
		every("BatchSize", Interrupts, "the function gets another number of messages at once"),
		every("FunctionName", Enters, "another function gets the messages"),
		list("FunctionResponseTypes", Safe, "a failed message alone comes again", Weakens, "a failed message makes its whole batch come again"),
		must("Enabled", "|true", Interrupts, "no message is worked on"),
		floor("ScalingConfig/MaximumConcurrency", Weakens, "fewer messages are worked on at once"),
	},
	"AWS::Scheduler::Schedule": {
		harmless("Description", "a text for readers"),
		every("FlexibleTimeWindow", Weakens, "it runs at another time"),
		every("ScheduleExpression", Weakens, "it runs at other times, or less often"),
		every("ScheduleExpressionTimezone", Weakens, "it runs at other times"),
		must("State", "|ENABLED", Weakens, "it does not run any more"),
		alsoWhenNew(every("Target/Arn", Enters, "something else is called")),
		every("Target/Input", Enters, "the call does something else"),
		every("Target/RoleArn", Enters, "the call is made with the permissions of another role"),
	},
	"Custom::DatabaseUser": {
		list("Privileges", Widens, "the user may do more in the database", Interrupts, "the service may do less in the database"),
		harmless("ServiceTimeout", "how long CloudFormation waits"),
		every("ServiceToken", Enters, "another function makes the user"),
	},
	"Custom::KafkaAccess": {
		row("Grants", when("grows", grantsGrow, Widens, "the user may do more in Kafka"), when("shrinks", grantsShrink, Interrupts, "the service may do less in Kafka")),
		harmless("ServiceTimeout", "how long CloudFormation waits"),
		every("ServiceToken", Enters, "another function makes the user"),
	},
}
