package procedures

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"wallet-infra/config"
)

type object = map[string]any
type array = []any

// answer is what AWS would say: the result, or an error's code and message.
func (w *world) answer(request ask) (any, string, string) {
	switch request.service {
	case "sts":
		return w.answerIdentity(request)
	case "ssm":
		version, known := w.bootstrap[request.region]
		if !known {
			return nil, "ParameterNotFound", ""
		}
		return object{"Parameter": object{"Name": request.text("Name"), "Value": version}}, "", ""
	case "cloudformation":
		return w.answerStacks(request)
	case "secretsmanager":
		return object{"ARN": request.text("SecretId"), "ReplicationStatus": array{
			object{"Region": "us-east-1", "Status": w.secret, "StatusMessage": "Access to KMS is not allowed"}}}, "", ""
	case "ecr":
		return w.answerImages(request)
	case "elasticloadbalancing":
		return w.answerBalancer(request)
	case "ecs":
		return w.answerECS(request)
	case "access-analyzer":
		return w.verdict, "", ""
	case "xray":
		return object{"Destination": cmp.Or(w.spans, "XRay"), "Status": "ACTIVE"}, "", ""
	case "grafana":
		return object{"grafanaVersions": w.grafana}, "", ""
	case "logs":
		return w.answerLog(request)
	case "servicequotas":
		return object{"Quota": object{"Value": w.quota}}, "", ""
	case "monitoring":
		state := "OK"
		if w.outage {
			state = "ALARM"
		}
		return object{"CompositeAlarms": array{object{"AlarmName": "wallet-staging-outage", "StateValue": state}}}, "", ""
	case "rds":
		if w.engines != nil {
			version := w.engines[request.region]
			if version == "" {
				return nil, "DBClusterNotFoundFault", ""
			}
			return rawXML("<DBClusters><DBCluster><EngineVersion>" + version + "</EngineVersion></DBCluster></DBClusters>"), "", ""
		}
		members := array{}
		for _, member := range w.members {
			members = append(members, object{"DBInstanceIdentifier": member})
		}
		text := ""
		for _, member := range members {
			text += "<DBClusterMember>" + toXML(member) + "</DBClusterMember>"
		}
		return rawXML("<DBClusters><DBCluster><DBClusterMembers>" + text + "</DBClusterMembers></DBCluster></DBClusters>"), "", ""
	}
	return nil, "UnknownService", request.service
}

// rawXML is XML already.
type rawXML string

func (w *world) answerIdentity(request ask) (any, string, string) {
	if request.operation == "AssumeRole" {
		w.assumed = append(w.assumed, request.text("RoleArn"))
		return object{"Credentials": object{"AccessKeyId": "AKIDROLE", "SecretAccessKey": "role-secret", "SessionToken": "role-token",
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}}, "", ""
	}
	return object{"Account": w.account, "Arn": "arn:aws:sts::" + w.account + ":assumed-role/admin/me", "UserId": "me"}, "", ""
}

func (w *world) answerStacks(request ask) (any, string, string) {
	name := request.text("StackName")
	stack := w.stacks[name]
	if stack == nil || w.regionOf(name) != request.region {
		return nil, "ValidationError", "Stack with id " + name + " does not exist"
	}
	switch request.operation {
	case "DescribeStacks":
		outputs := array{}
		for _, key := range slices.Sorted(maps.Keys(stack.outputs)) {
			outputs = append(outputs, object{"OutputKey": key, "OutputValue": stack.outputs[key]})
		}
		return object{"Stacks": array{object{"StackName": name, "StackId": "arn:stack/" + name, "StackStatus": stack.status, "StackStatusReason": stack.reason,
			"CreationTime": stamp, "LastUpdatedTime": stack.updated.Format(time.RFC3339), "Outputs": outputs, "EnableTerminationProtection": stack.guarded}}}, "", ""
	case "GetTemplate":
		template := stack.template
		if stack.status == "REVIEW_IN_PROGRESS" && request.text("ChangeSetName") == "" {
			return nil, "ValidationError", "GetTemplate cannot be called on REVIEW_IN_PROGRESS stacks."
		}
		if set := stack.sets[request.text("ChangeSetName")]; set != nil {
			template = set.template
		}
		return object{"TemplateBody": template}, "", ""
	case "ListStackResources":
		all := array{}
		for _, r := range stack.resources {
			all = append(all, object{"ResourceType": r.kind, "LogicalResourceId": r.id, "PhysicalResourceId": r.physical, "ResourceStatus": r.status, "LastUpdatedTimestamp": stamp})
		}
		return object{"StackResourceSummaries": all}, "", ""
	case "DescribeStackEvents":
		return object{"StackEvents": array{object{"EventId": "1", "StackId": "x", "StackName": name, "Timestamp": stamp, "LogicalResourceId": "Service", "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "no healthy tasks"}}}, "", ""
	case "UpdateTerminationProtection":
		stack.guarded = request.text("EnableTerminationProtection") == "true"
		return object{"StackId": name}, "", ""
	case "DescribeChangeSet":
		set := stack.sets[request.text("ChangeSetName")]
		if set == nil {
			return nil, "ChangeSetNotFound", "ChangeSet does not exist"
		}
		changes := array{}
		for _, id := range set.changes {
			change := object{"Action": "Modify", "LogicalResourceId": id, "ResourceType": "AWS::ECS::TaskDefinition", "Replacement": "True"}
			if set.replaces {
				change["PolicyAction"] = "ReplaceAndRetain"
			}
			changes = append(changes, object{"Type": "Resource", "ResourceChange": change})
		}
		return object{"ChangeSetId": set.arn, "Status": set.status, "StatusReason": set.reason, "ExecutionStatus": set.execution, "Changes": changes, "CreationTime": stamp}, "", ""
	}
	return nil, "UnknownOperation", request.operation
}

// digest is what a tag points to.
func (w *world) digest(repository, tag string) string {
	if other := w.digests[repository]; other != "" {
		return other
	}
	return "sha256:" + path.Base(repository) + "-" + tag
}

// ran is the digest of the service's image in a revision.
func (w *world) ran(tag string) string {
	if w.running != "" {
		return w.running
	}
	return "sha256:service-" + tag
}

// first is the first object of a list, and nothing of what is none.
func first(list any) object {
	if items, _ := list.([]any); len(items) > 0 {
		one, _ := items[0].(object)
		return one
	}
	return nil
}

func (w *world) answerImages(request ask) (any, string, string) {
	repository := request.text("repositoryName")
	if registry := map[string]string{"sa-east-1": "registry", "us-east-1": "dr-registry"}[request.region]; w.stacks["wallet-staging-"+registry] == nil && request.operation != "DescribeRegistry" {
		return nil, "RepositoryNotFoundException", ""
	}
	if request.operation == "GetDownloadUrlForLayer" {
		return object{"downloadUrl": w.URL + "/blob?architecture=" + request.text("layerDigest")}, "", ""
	}
	if request.operation == "DescribeRegistry" {
		return object{"replicationConfiguration": object{"rules": w.replication}}, "", ""
	}
	id := first(request.input["imageIds"])
	if digest, _ := id["imageDigest"].(string); digest != "" {
		if !w.collectors[request.region+"/"+repository+"@"+digest] {
			return nil, "ImageNotFoundException", ""
		}
		return object{"imageDetails": array{object{"imageDigest": digest}}}, "", ""
	}
	tag, _ := id["imageTag"].(string)
	architecture, known := w.images[request.region+"/"+repository+":"+tag]
	if !known {
		return nil, "ImageNotFoundException", ""
	}
	if request.operation == "DescribeImages" {
		return object{"imageDetails": array{object{"imageTags": array{tag}, "imageDigest": w.digest(repository, tag)}}}, "", ""
	}
	manifest := object{"config": object{"digest": architecture}}
	if w.index {
		manifest = object{"manifests": array{object{"digest": "sha256:part", "platform": object{"architecture": architecture}}}}
	}
	text, _ := json.Marshal(manifest)
	return object{"images": array{object{"imageManifest": string(text)}}}, "", ""
}

func (w *world) answerBalancer(request ask) (any, string, string) {
	switch request.operation {
	case "DescribeRules":
		groups := array{}
		for _, group := range slices.Sorted(maps.Keys(w.weights)) {
			groups = append(groups, object{"TargetGroupArn": group, "Weight": w.weights[group]})
		}
		return object{"Rules": array{object{"RuleArn": "arn:rule", "Actions": array{object{"Type": "forward", "ForwardConfig": object{"TargetGroups": groups}}}}}}, "", ""
	case "DescribeTargetHealth":
		targets := array{}
		for range w.healthy[request.text("TargetGroupArn")] {
			targets = append(targets, object{"TargetHealth": object{"State": "healthy"}})
		}
		targets = append(targets, object{"TargetHealth": object{"State": "draining"}})
		return object{"TargetHealthDescriptions": targets}, "", ""
	}
	return object{}, "", ""
}

func (w *world) answerECS(request ask) (any, string, string) {
	switch request.operation {
	case "DescribeServices":
		name := map[string]string{"sa-east-1": "compute", "us-east-1": "dr-compute"}[request.region]
		if stack := w.stacks["wallet-staging-"+name]; stack == nil || stack.outputs[config.OutputService] == "" && w.rollout == nil {
			return object{"failures": array{object{"reason": "MISSING"}}}, "", ""
		}
		service := object{"desiredCount": w.desired, "runningCount": w.desired, "status": "ACTIVE"}
		if w.rollout != nil {
			service["deployments"] = array{object{"status": "PRIMARY", "rolloutState": w.rollout.rollout, "rolloutStateReason": "tasks failed to start"}}
		}
		return object{"services": array{service}}, "", ""
	case "UpdateService": // the running release once more
		w.forced, _ = request.input["forceNewDeployment"].(bool)
		w.deployments = append([]deploymentState{{w.deployments[0].tag, "IN_PROGRESS"}}, w.deployments...)
		return object{}, "", ""
	case "DescribeServiceDeployments":
		return w.answerRollout(), "", ""
	case "ListTasks":
		arns := array{}
		for _, task := range w.rollout.tasks {
			arns = append(arns, task["taskArn"])
		}
		return object{"taskArns": arns}, "", ""
	case "StopServiceDeployment":
		if w.rollout != nil {
			if w.rollout.refuses != "" {
				return nil, w.rollout.refuses, "no revision to return to"
			}
			w.finish("ROLLBACK_SUCCESSFUL", 1)
		}
		return object{}, "", ""
	case "ListServiceDeployments":
		wanted, _ := request.input["status"].([]any)
		all := array{}
		for i, deployment := range w.deployments {
			if i == 0 && w.rollout != nil && deployment.tag == "1.1.0" && w.rollout.late > 0 {
				w.rollout.late--
				continue
			}
			if len(wanted) == 0 || slices.Contains(wanted, any(deployment.status)) {
				all = append(all, object{"serviceDeploymentArn": fmt.Sprintf("arn:deployment/%d", len(w.deployments)-i), "status": deployment.status,
					"targetServiceRevisionArn": "arn:revision/" + deployment.tag, "createdAt": 1_790_000_000 - 1000*i})
			}
		}
		return object{"serviceDeployments": all}, "", ""
	case "DescribeServiceRevisions":
		all := array{}
		arns, _ := request.input["serviceRevisionArns"].([]any)
		for _, arn := range arns {
			text, ok := arn.(string)
			if !ok {
				return nil, "InvalidParameterException", fmt.Sprintf("not an ARN: %v", arn)
			}
			tag := path.Base(text)
			all = append(all, object{"serviceRevisionArn": arn, "taskDefinition": "arn:task-definition/" + tag, "containerImages": array{
				object{"containerName": "collector", "image": "public.ecr.aws/collector:9"},
				object{"containerName": "wallet-service", "imageDigest": w.ran(tag), "image": "1.dkr.ecr/wallet-staging/service:" + tag}}})
		}
		return object{"serviceRevisions": all}, "", ""
	}
	return w.answerTask(request)
}

// answerRollout describes the newest deployment, which may end meanwhile.
func (w *world) answerRollout() any {
	if w.rollout == nil {
		return object{"serviceDeployments": array{object{"serviceDeploymentArn": fmt.Sprintf("arn:deployment/%d", len(w.deployments)), "status": w.deployments[0].status}}}
	}
	if w.rollout.looks--; w.rollout.looks <= 0 && w.rollout.end != "" {
		w.finish(w.rollout.end, w.rollout.exit)
	}
	return object{"serviceDeployments": array{object{
		"serviceDeploymentArn": fmt.Sprintf("arn:deployment/%d", len(w.deployments)), "status": w.deployments[0].status, "statusReason": "as ECS says",
		"createdAt": 1_790_000_000, "lifecycleStage": "SCALE_UP", "deploymentCircuitBreaker": object{"failureCount": w.rollout.breaker},
		"targetServiceRevision": object{"arn": "arn:revision/1.1.0", "requestedTaskCount": 8, "runningTaskCount": 1},
	}}}
}

func (w *world) answerTask(request ask) (any, string, string) {
	definition := func(arn, image string) object {
		return object{"taskDefinition": object{"taskDefinitionArn": arn, "family": "wallet-staging-migrate", "cpu": "256", "containerDefinitions": array{object{
			"name": config.MigrationContainer, "image": image, "environment": array{object{"name": config.MigrationRelease, "value": "1.0.0"}},
			"logConfiguration": object{"logDriver": "awslogs", "options": object{"awslogs-group": "/migrations", "awslogs-stream-prefix": "run"}}}}}}
	}
	switch request.operation {
	case "DescribeTaskDefinition":
		w.task.image = "1.dkr.ecr/wallet-staging/migrations:1.0.0"
		return definition("arn:task-definition/wallet-staging-migrate:7", w.task.image), "", ""
	case "RegisterTaskDefinition":
		container := first(request.input["containerDefinitions"])
		w.task.image, _ = container["image"].(string)
		w.task.environment, _ = container["environment"].(array)
		return definition("arn:task-definition/"+request.text("family")+":1", w.task.image), "", ""
	case "RunTask":
		network, _ := request.input["networkConfiguration"].(object)
		w.task.network, _ = network["awsvpcConfiguration"].(object)
		overrides, _ := request.input["overrides"].(object)
		command, _ := first(overrides["containerOverrides"])["command"].([]any)
		for _, word := range command {
			w.task.command = append(w.task.command, fmt.Sprint(word))
		}
		return object{"tasks": array{object{"taskArn": "arn:task/wallet-staging/abc"}}}, "", ""
	case "DescribeTasks":
		if w.rollout != nil {
			return object{"tasks": w.rollout.tasks}, "", ""
		}
		if w.task.polls > 0 {
			w.task.polls--
			return object{"tasks": array{object{"lastStatus": "RUNNING"}}}, "", ""
		}
		container := object{"name": config.MigrationContainer}
		if !w.task.never {
			container["exitCode"] = w.task.exit
		}
		return object{"tasks": array{object{"lastStatus": "STOPPED", "stoppedReason": "CannotPullContainerError", "containers": array{container}}}}, "", ""
	}
	return object{}, "", ""
}

func (w *world) answerLog(request ask) (any, string, string) {
	if request.text("logStreamName") != "run/"+config.MigrationContainer+"/abc" {
		return nil, "ResourceNotFoundException", ""
	}
	events := array{}
	if request.text("nextToken") == "" {
		for _, line := range w.task.log {
			events = append(events, object{"message": line, "timestamp": 1})
		}
	}
	return object{"events": events, "nextForwardToken": "end"}, "", ""
}

// words joins the arguments of the CLI's commands, for comparisons.
func (w *world) words() string {
	var lines []string
	for _, arguments := range w.cdk {
		lines = append(lines, strings.Join(arguments, " "))
	}
	return strings.Join(lines, "\n")
}
