package alarms

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/signals"
)

// event is one rule: what no metric shows.
type event struct {
	id       string
	severity Severity
	why      string
	runbook  string
	source   string   // the service, such as "aws.rds"
	kinds    []string // what EventBridge calls detail types
	// detail and resources narrow the pattern; resources may be nil.
	detail    map[string]any
	resources []any
	// about are the paths in the event that a reader needs, by name.
	about map[string]string
}

// pattern is what EventBridge compares events with.
func (e event) pattern() map[string]any {
	pattern := map[string]any{"source": []string{e.source}, "detail-type": e.kinds, "detail": e.detail}
	if e.resources != nil {
		pattern["resources"] = e.resources
	}
	return pattern
}

// events is the table of the rules. Their patterns are those of each service's
// page on EventBridge in AWS's documentation.
func events(env config.Environment, p signals.Platform) []event {
	service := config.ARN("ecs", p.Region, env.Site.Account, "service/"+env.Names().ECSClusterName()+"/")
	return []event{
		{
			id: "BackupJob", severity: Warning, runbook: "backup-failed",
			why:    "A backup, copy or restore job did not succeed.",
			source: "aws.backup", kinds: []string{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"},
			// Restores say "status" where the others say "state".
			detail: map[string]any{"$or": []any{map[string]any{"state": failedStates}, map[string]any{"status": failedStates}}},
			about:  map[string]string{"job": "$.detail-type", "resource": "$.detail.resourceArn", "message": "$.detail.statusMessage"},
		},
		{
			id: "Deployment", severity: Critical, runbook: "deployment-failed",
			why:    "A deployment of the service failed and was rolled back.",
			source: "aws.ecs", kinds: []string{"ECS Deployment State Change"},
			detail:    map[string]any{"eventName": []string{"SERVICE_DEPLOYMENT_FAILED"}},
			resources: []any{map[string]any{"prefix": service}},
			about:     map[string]string{"deployment": "$.detail.deploymentId", "reason": "$.detail.reason"},
		},
		{
			id: "DatabaseFailover", severity: Warning, runbook: "database-failover",
			why:    "Aurora chose another writer, or failed to.",
			source: "aws.rds", kinds: []string{"RDS DB Cluster Event"},
			detail: map[string]any{
				"SourceIdentifier": []string{p.Aurora},
				"EventCategories":  []string{"failover", "failure", "global-failover"},
			},
			about: map[string]string{"cluster": "$.detail.SourceIdentifier", "message": "$.detail.Message"},
		},
		{
			id: "Health", severity: Warning, runbook: "aws-health",
			why:    "AWS reports a problem, or plans one, with a service that carries the wallet.",
			source: "aws.health", kinds: []string{"AWS Health Event"},
			detail: map[string]any{
				"service":           []string{"ECS", "FARGATE", "RDS", "ELASTICACHE", "KAFKA", "ELASTICLOADBALANCING", "EC2", "ACM", "KMS"},
				"eventTypeCategory": []string{"issue", "scheduledChange"},
			},
			about: map[string]string{"service": "$.detail.service", "event": "$.detail.eventTypeCode", "region": "$.region"},
		},
	}
}

// failedStates are the ends of a backup job that are no success.
var failedStates = []string{"FAILED", "ABORTED", "EXPIRED"}

// NewEvents makes the rules that report what alarms cannot see.
func NewEvents(scope constructs.Construct, env config.Environment, topics Topics, p signals.Platform) {
	own := constructs.NewConstruct(scope, new("Events"))
	for _, e := range events(env, p) {
		awsevents.NewCfnRule(own, new(e.id), &awsevents.CfnRuleProps{
			Description:  new(description(e.why, e.runbook)),
			EventPattern: e.pattern(),
			Targets: []*awsevents.CfnRule_TargetProperty{{
				Id:               new(string(e.severity)),
				Arn:              topics.Of(e.severity).TopicArn(),
				InputTransformer: message(e),
			}},
		})
	}
}

// message turns the event into a mail that a person can act on. EventBridge
// replaces each <name>.
func message(e event) *awsevents.CfnRule_InputTransformerProperty {
	paths := map[string]*string{}
	text := `"` + description(e.why, e.runbook)
	for _, name := range sortedKeys(e.about) {
		paths[name] = new(e.about[name])
		text += " " + name + ": <" + name + ">."
	}
	return &awsevents.CfnRule_InputTransformerProperty{
		InputPathsMap: &paths,
		InputTemplate: new(text + `"`),
	}
}
