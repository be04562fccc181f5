package edge

import (
	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// The alarms that an outage is made of.
const (
	alarmErrors  = "edge-errors"
	alarmLatency = "edge-latency"
	alarmHealthy = "edge-healthy-targets"
)

// Outage is when the wallet is down for its users: nothing serves, or what is served
// is both failing and slow.
func Outage() [][]string { return [][]string{{alarmHealthy}, {alarmErrors, alarmLatency}} }

// Alarms watch what users get, and the certificate.
func (e Edge) Alarms(watch config.Observability) []alarms.Row {
	metrics := e.Metrics()
	return []alarms.Row{
		{
			ID: alarmErrors, Runbook: "edge-errors", Severity: alarms.Critical,
			Why:     "More requests fail than the wallet promises.",
			Metric:  metrics.ErrorRate,
			Compare: alarms.Above, Threshold: watch.ErrorRatePercent, Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		},
		{
			ID: alarmLatency, Runbook: "edge-latency", Severity: alarms.Critical,
			Why:     "One request in twenty takes longer than the wallet promises.",
			Metric:  metrics.Latency,
			Compare: alarms.Above, Threshold: watch.LatencyTarget.Seconds(), Periods: 10, Datapoints: 8, Missing: alarms.NotBreaching,
		},
		{
			ID: "edge-tail-latency", Runbook: "edge-latency", Severity: alarms.Warning,
			Why:     "One request in a hundred takes longer than the wallet promises.",
			Metric:  metrics.Latency.By("p99"),
			Compare: alarms.Above, Threshold: watch.TailLatencyTarget.Seconds(), Periods: 10, Datapoints: 8, Missing: alarms.NotBreaching,
		},
		{
			ID: "edge-unhealthy-targets", Runbook: "edge-unhealthy-targets", Severity: alarms.Warning,
			Why:     "A task is registered and does not answer its readiness check.",
			Metric:  both(metrics.Blue.Unhealthy, metrics.Green.Unhealthy),
			Compare: alarms.Above, Threshold: 0, Periods: 10, Datapoints: 8, Missing: alarms.NotBreaching,
		},
		{
			ID: alarmHealthy, Runbook: "edge-healthy-targets", Severity: alarms.Critical,
			Why:     "No task answers: the wallet is down.",
			Metric:  both(metrics.Blue.Healthy, metrics.Green.Healthy),
			Compare: alarms.Below, Threshold: 1, Periods: 3, Datapoints: 2, Missing: alarms.Breaching,
		},
		{
			// Published once a day, from the day after issuing.
			ID: "certificate-expiry", Runbook: "certificate-expiry", Severity: alarms.Warning,
			Why:     "The API's certificate was not renewed and every client will refuse it.",
			Metric:  metrics.CertificateDays,
			Compare: alarms.Below, Threshold: float64(watch.Limits.CertificateDays), Periods: 1, Datapoints: 1, Missing: alarms.NotBreaching,
		},
	}
}

// DeploymentAlarms take a release back. ECS reads them from the first request that a
// new release gets to the end of its bake time, and it does not read one that is in
// alarm already when a deployment begins: the release that mends an incident must
// not be stopped by it.
func (e Edge) DeploymentAlarms(limits config.Rollback) []alarms.Row {
	bad := func(id, why string, threshold float64, metric alarms.Metric) alarms.Row {
		return alarms.Row{
			ID: id, Runbook: "deployment-failed", Metric: metric,
			Why:     why + ": a deployment that runs is taken back.",
			Compare: alarms.Above, Threshold: threshold, Missing: alarms.NotBreaching,
			Periods: config.RollbackWindowMinutes, Datapoints: config.RollbackMinutes,
		}
	}
	metrics := e.Metrics()
	rows := []alarms.Row{bad("deployment-errors", "Requests fail, whoever answers them", limits.ErrorPercent, metrics.errors(limits.MinErrors))}
	for _, release := range []struct {
		colour string
		group  Group
	}{{"blue", metrics.Blue}, {"green", metrics.Green}} {
		in := "The release in the " + release.colour + " target group "
		rows = append(rows,
			bad("deployment-errors-"+release.colour, in+"fails", limits.ErrorPercent, release.group.errors(limits.MinErrors)),
			bad("deployment-latency-"+release.colour, in+"is slow", limits.Latency.Seconds(), release.group.slowness(limits.MinRequests)))
	}
	return rows
}
