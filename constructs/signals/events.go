package signals

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Events are what no metric shows.
func Events(env config.Environment, p Platform) []alarms.Event {
	service := config.ARN("ecs", p.Region, env.Site.Account, "service/"+env.Names().ECSClusterName()+"/")
	return []alarms.Event{
		{
			ID: "BackupJob", Severity: alarms.Warning, Runbook: "backup-failed",
			Why:    "A backup, copy or restore job did not succeed.",
			Source: "aws.backup", Kinds: []string{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"},
			// Restores say "status" where the others say "state".
			Detail: map[string]any{"$or": []any{map[string]any{"state": failedStates}, map[string]any{"status": failedStates}}},
			About:  map[string]string{"job": "$.detail-type", "resource": "$.detail.resourceArn", "message": "$.detail.statusMessage"},
		},
		{
			ID: "Deployment", Severity: alarms.Critical, Runbook: "deployment-failed",
			Why:    "A deployment of the service failed and was rolled back.",
			Source: "aws.ecs", Kinds: []string{"ECS Deployment State Change"},
			Detail:    map[string]any{"eventName": []string{"SERVICE_DEPLOYMENT_FAILED"}},
			Resources: []any{map[string]any{"prefix": service}},
			About:     map[string]string{"deployment": "$.detail.deploymentId", "reason": "$.detail.reason"},
		},
		{
			ID: "DatabaseFailover", Severity: alarms.Warning, Runbook: "database-failover",
			Why:    "Aurora chose another writer, or failed to.",
			Source: "aws.rds", Kinds: []string{"RDS DB Cluster Event"},
			Detail: map[string]any{
				"SourceIdentifier": []string{p.Aurora},
				"EventCategories":  []string{"failover", "failure", "global-failover"},
			},
			About: map[string]string{"cluster": "$.detail.SourceIdentifier", "message": "$.detail.Message"},
		},
		{
			ID: "Health", Severity: alarms.Warning, Runbook: "aws-health",
			Why:    "AWS reports a problem, or plans one, with a service that carries the wallet.",
			Source: "aws.health", Kinds: []string{"AWS Health Event"},
			Detail: map[string]any{
				"service":           []string{"ECS", "FARGATE", "RDS", "ELASTICACHE", "KAFKA", "ELASTICLOADBALANCING", "EC2", "ACM", "KMS"},
				"eventTypeCategory": []string{"issue", "scheduledChange"},
			},
			About: map[string]string{"service": "$.detail.service", "event": "$.detail.eventTypeCode", "region": "$.region"},
		},
	}
}

// failedStates are the ends of a backup job that are no success.
var failedStates = []string{"FAILED", "ABORTED", "EXPIRED"}
