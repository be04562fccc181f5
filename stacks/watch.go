package stacks

import (
	"slices"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/cache"
	"wallet-infra/constructs/dashboards"
	"wallet-infra/constructs/function"
	"wallet-infra/constructs/network"
	"wallet-infra/constructs/service"
)

// watched is what stands in either region and is watched there: each component says
// itself what to measure and what is wrong.
type watched struct {
	region    config.Region
	network   network.Network
	database  aurora.Database
	cache     cache.Cache
	messaging Messaging
	compute   Compute
}

// alarms are the rows of the region's components.
func (w watched) alarms(env config.Environment) []alarms.Row {
	watch := env.Observability
	return slices.Concat(
		w.compute.Edge.Alarms(watch),
		w.compute.Edge.Firewall.Alarms(w.region, env.Edge.Firewall.Modes, watch.WAFBlocksPerMinute),
		w.compute.Service.Alarms(env.Service, env.MinTasks(w.region)),
		w.database.Alarms(env.Database, watch.Limits, env.Active(w.region)),
		w.cache.Alarms(watch.Limits),
		w.compute.Outbox.Alarms(watch.Limits, env.Active(w.region)),
		w.messaging.Kafka.Alarms(watch),
		w.network.Alarms(),
		w.compute.Redeploy.Alarms(),
		backup.Alarms(),
		function.Alarms(),
	)
}

// downgraded are the rows of a region: one that is not active wakes nobody.
func downgraded(rows []alarms.Row, active bool) []alarms.Row {
	if active {
		return rows
	}
	for i := range rows {
		rows[i].Severity = alarms.Warning
	}
	return rows
}

// events are what no metric of the region shows.
func (w watched) events(env config.Environment) []alarms.Event {
	return slices.Concat(backup.Events(), service.Events(env.Names(), w.region), w.database.Events(), []alarms.Event{health})
}

// health is what AWS says of the services that carry the wallet.
var health = alarms.Event{
	ID: "Health", Severity: alarms.Warning, Runbook: "aws-health",
	Why:    "AWS reports a problem, or plans one, with a service that carries the wallet.",
	Source: "aws.health", Kinds: []string{"AWS Health Event"},
	Detail: map[string]any{
		"service":           []string{"ECS", "FARGATE", "RDS", "ELASTICACHE", "KAFKA", "ELASTICLOADBALANCING", "EC2", "ACM", "KMS"},
		"eventTypeCategory": []string{"issue", "scheduledChange"},
	},
	About: map[string]string{"service": "$.detail.service", "event": "$.detail.eventTypeCode", "region": "$.region"},
}

// dashboards are the metrics of the region's components and where they are drawn.
func (w watched) dashboards(env config.Environment, rows []alarms.Row) dashboards.Props {
	return dashboards.Props{
		Names: env.Names(), Region: w.region, Alarms: rows,
		Watch: env.Observability, Service: env.Service, Database: env.Database, Messaging: env.Messaging,
		Metrics: dashboards.Metrics{
			Edge: w.compute.Edge.Metrics(), Firewall: w.compute.Edge.Firewall.Metrics(w.region), Service: w.compute.Service.Metrics(),
			Database: w.database.Metrics(), Cache: w.cache.Metrics(), Kafka: w.messaging.Kafka.Metrics(), Network: w.network.Metrics(),
			Outbox: w.compute.Outbox.Metrics(),
		},
	}
}
