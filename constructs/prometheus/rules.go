package prometheus

import (
	"fmt"
	"time"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Job is the label "job" of everything that the wallet service exports.
const Job = "wallet-service"

// operations are what the service counts and times: the parts of the metrics' names.
var operations = []struct{ counter, timer string }{
	{"created", "creation"}, {"deposits", "deposit"}, {"withdrawals", "withdrawal"}, {"transfers", "transfer"}, {"queries", "query"},
}

// The recorded series that more than one rule reads.
const (
	requests     = "wallet:requests:increase2m"
	failures     = "wallet:requests_failed:increase2m"
	operationsOf = "wallet:operation:rate15m"
	duration     = "wallet:operation_duration_seconds"
	durationMean = duration + ":mean"
)

// sample is the window of what is counted: four scrapes, and the shortest in which a
// failure that lasts is seen.
const sample = 2 * time.Minute

// rule is a recording rule or an alert of Prometheus.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// group is a list of rules that are evaluated one after another. Managed Prometheus
// takes 20 rules in one (Service Quotas, "Rules per rule group"; adjustable, if somebody
// asks).
type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

// rules is what Prometheus computes: the series that dashboards and alerts
// share, then the alerts.
func rules(watch config.Observability, active bool) string {
	spoken := alerts(watch)
	if !active {
		for i := range spoken {
			spoken[i].Labels["severity"] = string(alarms.Warning)
		}
	}
	return encode(map[string][]group{"groups": {
		{Name: "wallet", Interval: "1m", Rules: recordings()},
		{Name: "wallet-durations", Interval: "1m", Rules: durations()},
		{Name: "wallet-alerts", Interval: "1m", Rules: spoken},
	}})
}

// grown is by how much counters grew in a window, over all tasks. A counter that is
// born in the window, with a task or with its first failure, counts from nothing, of
// which `increase` knows nothing: it takes the first value that it sees for the start.
// Born is what nobody heard of for an hour before: after a gap, a task's whole life would
// else count as the failures of two minutes.
func grown(counter string, window time.Duration) string {
	return fmt.Sprintf("sum((increase(%[1]s[%[2]s]) and last_over_time(%[1]s[1h] offset %[2]s)) or (%[1]s unless last_over_time(%[1]s[1h] offset %[2]s)))",
		counter, minutes(window))
}

// orNothing is nothing where the service has not counted yet: what a task that lives
// has never done has no series.
func orNothing(expression string) string { return "(" + expression + " or vector(0))" }

// recordings are computed once a minute instead of by every open dashboard.
func recordings() []rule {
	recorded := []rule{
		// Answers with 5xx are the service's own failures. What the wallet refuses, such
		// as an unknown wallet, is no failure, though the service counts it for one.
		{Record: requests, Expr: grown("http_server_requests_seconds_count", sample)},
		{Record: failures, Expr: orNothing(grown(`http_server_requests_seconds_count{status=~"5.."}`, sample))},
	}
	for _, operation := range operations {
		recorded = append(recorded, rule{
			Record: operationsOf, Labels: map[string]string{"operation": operation.timer},
			Expr: orNothing(fmt.Sprintf("sum(rate(wallet_operations_%s_total[15m]))", operation.counter)),
		})
	}
	for _, flow := range []string{"deposited", "withdrawn", "transferred"} {
		recorded = append(recorded, rule{
			Record: "wallet:money:increase1h", Labels: map[string]string{"flow": flow},
			Expr: grown("wallet_money_"+flow+"_total", time.Hour),
		})
	}
	return append(recorded,
		rule{Record: "wallet:outbox_failed:increase5m", Expr: orNothing(grown("wallet_outbox_events_failed_total", 5*time.Minute))},
		rule{Record: "wallet:outbox_published:increase5m", Expr: orNothing(grown("wallet_outbox_events_published_total", 5*time.Minute))})
}

// durations are the operations' times.
func durations() []rule {
	var recorded []rule
	for _, operation := range operations {
		timer := "wallet_operations_" + operation.timer + "_duration_seconds"
		recorded = append(recorded, rule{
			Record: durationMean, Labels: map[string]string{"operation": operation.timer},
			Expr: fmt.Sprintf("sum(rate(%s_sum[5m])) / sum(rate(%s_count[5m]))", timer, timer),
		})
		// Empty until the image publishes buckets: the service's timers export a sum,
		// a count and a maximum.
		for _, percentile := range []string{"95", "99"} {
			recorded = append(recorded, rule{
				Record: duration + ":p" + percentile,
				Labels: map[string]string{"operation": operation.timer},
				Expr:   fmt.Sprintf("histogram_quantile(0.%s, sum by (le) (rate(%s_bucket[5m])))", percentile, timer),
			})
		}
	}
	return recorded
}

// burn is a speed at which the month's error budget goes, seen in a long window, so that
// it matters, and in a short one, so that it goes on: the windows and factors of "The
// Site Reliability Workbook", chapter 5, table 5-8 (2 and 5 % of the budget wake
// somebody, 10 % wait for the morning).
type burn struct {
	severity    alarms.Severity
	long, short time.Duration
	factor      float64
}

var burns = []burn{
	{alarms.Critical, time.Hour, 5 * time.Minute, 14.4},
	{alarms.Critical, 6 * time.Hour, 30 * time.Minute, 6},
	{alarms.Warning, 24 * time.Hour, 2 * time.Hour, 3},
	{alarms.Warning, 72 * time.Hour, 6 * time.Hour, 1},
}

// minFailures is the fewest failed requests that say something: one of a quiet night's
// few is a large share, and no incident.
const minFailures = 10

// burning is true while the failures of a severity's windows are too many.
func burning(severity alarms.Severity, budget float64) string {
	ratio := func(window time.Duration) string {
		return fmt.Sprintf("avg_over_time(%[1]s[%[3]s]) / avg_over_time(%[2]s[%[3]s])", failures, requests, minutes(window))
	}
	var all string
	for _, b := range burns {
		if b.severity != severity {
			continue
		}
		if all != "" {
			all += " or "
		}
		limit := b.factor * budget
		// Recorded each minute, every failure is in two of the windows.
		all += fmt.Sprintf("(%s > %g and %s > %g and sum_over_time(%s[%s]) >= %g)",
			ratio(b.long), limit, ratio(b.short), limit, failures, minutes(b.long), minFailures*sample.Minutes())
	}
	return all
}

// alerts are about the business, which CloudWatch cannot see.
func alerts(watch config.Observability) []rule {
	budget := watch.ErrorRatePercent / 100
	return []rule{
		alert("ErrorBudgetBurnsFast", "error-budget", alarms.Critical, 0, burning(alarms.Critical, budget),
			"Requests fail so often that the month's error budget is gone within days."),
		alert("ErrorBudgetBurnsSlowly", "error-budget", alarms.Warning, 0,
			"("+burning(alarms.Warning, budget)+`) unless on() ALERTS{alertname="ErrorBudgetBurnsFast",alertstate="firing"}`,
			"Requests fail somewhat more often than the wallet promises, for hours."),
		// Last week at this hour, so that nights and paydays are what they are. A task that
		// nobody reads is another alert's.
		alert("OperationMissing", "operation-missing", alarms.Critical, 10*time.Minute,
			fmt.Sprintf("%[1]s < %[2]g * (%[1]s offset 1w) and %[1]s offset 1w > %[3]g and on() sum(up{job=%[4]q}) > 0",
				operationsOf, float64(watch.Limits.TrafficPercent)/100, float64(watch.Limits.TrafficPerMinute)/60, Job),
			"A kind of operation has nearly stopped, measured by the same hour a week ago: customers cannot reach it, or are refused."),
		alert("WalletOperationSlow", "wallet-operation-slow", alarms.Warning, 10*time.Minute,
			// A mean over the promise is worse than a P95 over it, and needs no buckets.
			fmt.Sprintf("%[1]s:p95 > %[3]g or %[2]s > %[3]g", duration, durationMean, watch.LatencyTarget.Seconds()),
			"A kind of operation takes longer than the wallet promises."),
		alert("OutboxFailing", "outbox-failing", alarms.Warning, 5*time.Minute,
			"wallet:outbox_failed:increase5m > 0",
			"Some events cannot be published: Kafka refuses them, or is not reached."),
		alert("OutboxStopped", "outbox-failing", alarms.Critical, 5*time.Minute,
			"wallet:outbox_failed:increase5m > 0 and wallet:outbox_published:increase5m == 0",
			"No event is published and each try fails: Kafka refuses them, or is not reached."),
		alert("MetricsMissing", "metrics-missing", alarms.Warning, 15*time.Minute,
			fmt.Sprintf(`absent(up{job=%q} == 1)`, Job),
			"Prometheus hears of no task: the alerts above are blind."),
	}
}

func alert(name, anchor string, severity alarms.Severity, lasting time.Duration, expr, why string) rule {
	made := rule{
		Alert: name, Expr: expr,
		Labels:      map[string]string{"severity": string(severity)},
		Annotations: map[string]string{"summary": why, "runbook": alarms.Runbook(anchor)},
	}
	if lasting > 0 {
		made.For = minutes(lasting)
	}
	return made
}

// minutes writes a duration as Prometheus reads it.
func minutes(d time.Duration) string { return fmt.Sprintf("%dm", int(d.Minutes())) }
