package service

import (
	"strings"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Alarms watch the tasks, of which minTasks are meant to run.
func (s Service) Alarms(service config.Service, minTasks int) []alarms.Row {
	metrics := s.Metrics()
	return []alarms.Row{
		{
			ID: "service-cpu", Runbook: "service-cpu", Severity: alarms.Warning,
			Why:     "Autoscaling does not hold the tasks' CPU.",
			Metric:  metrics.CPUPerTask,
			Compare: alarms.Above, Threshold: beyond(service.CPUTargetPercent), Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
		{
			ID: "service-memory", Runbook: "service-memory", Severity: alarms.Warning,
			Why:     "Autoscaling does not hold the tasks' memory; at 100 % they are killed.",
			Metric:  metrics.Memory,
			Compare: alarms.Above, Threshold: beyond(service.MemoryTargetPercent), Periods: 10, Datapoints: 10, Missing: alarms.NotBreaching,
		},
		{
			ID: "service-at-maximum", Runbook: "service-at-maximum", Severity: alarms.Warning,
			Why: "The service wants all tasks that it may have: more load will slow it down.",
			// What is wanted: a release runs the tasks twice for a while.
			Metric:  metrics.Desired.By("Maximum"),
			Compare: alarms.AtLeast, Threshold: float64(service.MaxTasks), Periods: 15, Datapoints: 15, Missing: alarms.NotBreaching,
		},
		{
			ID: "service-tasks", Runbook: "service-tasks", Severity: alarms.Critical,
			Why:     "Fewer tasks run than the wallet needs to lose a zone and go on.",
			Metric:  metrics.Running.By("Minimum"),
			Compare: alarms.Below, Threshold: float64(minTasks), Periods: 10, Datapoints: 8, Missing: alarms.Breaching,
		},
	}
}

// beyond is a threshold above autoscaling's target, halfway to all there is:
// crossed for long, it says that scaling no longer helps.
func beyond(targetPercent int) float64 { return float64(targetPercent+100) / 2 }

// Events report deployments that ECS took back, of any service of the cluster.
func Events(names config.Names, region config.Region) []alarms.Event {
	cluster := strings.TrimSuffix(names.ECSServiceARN(region), names.ServiceName())
	return []alarms.Event{{
		ID: "Deployment", Severity: alarms.Critical, Runbook: "deployment-failed",
		Why:    "A deployment of the service failed and was rolled back.",
		Source: "aws.ecs", Kinds: []string{"ECS Deployment State Change"},
		Detail:    map[string]any{"eventName": []string{"SERVICE_DEPLOYMENT_FAILED"}},
		Resources: []any{map[string]any{"prefix": cluster}},
		About:     map[string]string{"deployment": "$.detail.deploymentId", "reason": "$.detail.reason"},
	}}
}
