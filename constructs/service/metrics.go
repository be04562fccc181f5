package service

import (
	"wallet-infra/constructs/alarms"
)

// Metrics are what ECS and Container Insights publish of the service.
type Metrics struct {
	CPU, Memory alarms.Metric // in percent of what the tasks have
	// Running, Desired and Pending are numbers of tasks.
	Running, Desired, Pending alarms.Metric

	// While a release moves, the tasks of both run, twice as many as the service
	// wants, and an average over them is half of what it was. These two therefore
	// count by the tasks that are wanted: they mean the same in a release and out of it.

	// RequestsPerTask is in a minute. The load balancer's count is that of both target
	// groups, and of no request that it answers itself. A minute without a request has
	// no value, so the service does not shrink on silence.
	RequestsPerTask alarms.Metric
	// CPUPerTask is what all tasks use together, as if those that are wanted used it.
	// When fewer run, each by itself.
	CPUPerTask alarms.Metric
}

// Metrics are the service's.
func (s Service) Metrics() Metrics { return s.metrics }

// newMetrics are those of a service by name, whose load balancer counts the requests.
func newMetrics(cluster, service string, requests alarms.Metric) Metrics {
	of := func(namespace, name string) alarms.Metric {
		return alarms.Metric{
			Namespace: namespace, Name: name, Statistic: "Average",
			Dimensions: map[string]string{"ClusterName": cluster, "ServiceName": service},
		}
	}
	metrics := Metrics{
		CPU:     of("AWS/ECS", "CPUUtilization"),
		Memory:  of("AWS/ECS", "MemoryUtilization"),
		Running: of("ECS/ContainerInsights", "RunningTaskCount"),
		Desired: of("ECS/ContainerInsights", "DesiredTaskCount"),
		Pending: of("ECS/ContainerInsights", "PendingTaskCount"),
	}
	metrics.RequestsPerTask = alarms.Metric{
		Expression: "requests / desired",
		Inputs:     map[string]alarms.Metric{"requests": requests, "desired": metrics.Desired},
	}
	metrics.CPUPerTask = alarms.Metric{
		Expression: "IF(running > desired, cpu * running / desired, cpu)",
		Inputs:     map[string]alarms.Metric{"cpu": metrics.CPU, "running": metrics.Running, "desired": metrics.Desired},
	}
	return metrics
}
