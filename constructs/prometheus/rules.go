package prometheus

import (
	"fmt"
	"time"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
)

// Job is the label "job" of everything that the wallet service exports.
const Job = "wallet-service"

// operations are what the service times, as the part of the metric's name.
var operations = []string{"creation", "deposit", "withdrawal", "transfer", "query"}

// The recorded durations of the operations.
const (
	duration     = "wallet:operation_duration_seconds"
	durationMean = duration + ":mean"
)

// rule is a recording rule or an alert of Prometheus.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// group is a list of rules that are evaluated one after another.
type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

// rules is what Prometheus computes: the series that dashboards and alerts
// share, then the alerts.
func rules(watch config.Observability) string {
	return encode(map[string][]group{"groups": {
		{Name: "wallet", Interval: "1m", Rules: recordings()},
		{Name: "wallet-durations", Interval: "1m", Rules: durations()},
		{Name: "wallet-alerts", Interval: "1m", Rules: alerts(watch)},
	}})
}

// recordings are computed once a minute instead of by every open dashboard.
func recordings() []rule {
	all := "sum(rate(wallet_operations_created_total[5m])) + sum(rate(wallet_operations_deposits_total[5m]))" +
		" + sum(rate(wallet_operations_withdrawals_total[5m])) + sum(rate(wallet_operations_transfers_total[5m]))" +
		" + sum(rate(wallet_operations_queries_total[5m]))"
	recorded := []rule{
		{Record: "wallet:operations:rate5m", Expr: all},
		{
			// Failed operations may not be counted by kind, so they are in the whole too.
			Record: "wallet:operations_failed:ratio5m",
			Expr: "sum(rate(wallet_operations_failed_total[5m]))" +
				" / (wallet:operations:rate5m + sum(rate(wallet_operations_failed_total[5m])))",
		},
	}
	for _, flow := range []string{"deposited", "withdrawn", "transferred"} {
		recorded = append(recorded, rule{
			Record: "wallet:money:increase1h", Labels: map[string]string{"flow": flow},
			Expr: "sum(increase(wallet_money_" + flow + "_total[1h]))",
		})
	}
	return append(recorded,
		rule{Record: "wallet:outbox_failed:rate5m", Expr: "sum(rate(wallet_outbox_events_failed_total[5m]))"},
		rule{
			Record: "wallet:outbox_published:ratio15m",
			Expr:   "sum(increase(wallet_outbox_events_published_total[15m])) / sum(increase(wallet_outbox_events_created_total[15m]))",
		})
}

// durations are a group of their own: Managed Prometheus takes 20 rules in one
// (Service Quotas, "Rules per rule group"; adjustable, if somebody asks).
func durations() []rule {
	var recorded []rule
	for _, operation := range operations {
		timer := "wallet_operations_" + operation + "_duration_seconds"
		recorded = append(recorded, rule{
			Record: durationMean, Labels: map[string]string{"operation": operation},
			Expr: fmt.Sprintf("sum(rate(%s_sum[5m])) / sum(rate(%s_count[5m]))", timer, timer),
		})
		// Empty until the image publishes buckets: the service's timers export a sum,
		// a count and a maximum.
		for _, percentile := range []string{"95", "99"} {
			recorded = append(recorded, rule{
				Record: duration + ":p" + percentile,
				Labels: map[string]string{"operation": operation},
				Expr:   fmt.Sprintf("histogram_quantile(0.%s, sum by (le) (rate(%s_bucket[5m])))", percentile, timer),
			})
		}
	}
	return recorded
}

// alerts are about the business, which CloudWatch cannot see.
func alerts(watch config.Observability) []rule {
	return []rule{
		alert("WalletOperationsFailing", "wallet-operations-failing", alarms.Critical, 5*time.Minute,
			fmt.Sprintf("wallet:operations_failed:ratio5m > %g", watch.ErrorRatePercent/100),
			"More wallet operations fail than the wallet promises."),
		alert("WalletOperationSlow", "wallet-operation-slow", alarms.Warning, 10*time.Minute,
			// A mean over the promise is worse than a P95 over it, and needs no buckets.
			fmt.Sprintf("%[1]s:p95 > %[3]g or %[2]s > %[3]g", duration, durationMean, watch.LatencyTarget.Seconds()),
			"A kind of operation takes longer than the wallet promises."),
		alert("OutboxFailing", "outbox-failing", alarms.Warning, 5*time.Minute,
			"wallet:outbox_failed:rate5m > 0",
			"Events cannot be published: Kafka refuses them, or is not reached."),
		// A tenth of slack for the events that are under way.
		alert("OutboxBehind", "outbox-behind", alarms.Critical, 15*time.Minute,
			"wallet:outbox_published:ratio15m < 0.9",
			"Events are written faster than they are published; what depends on them is late."),
		alert("MetricsMissing", "metrics-missing", alarms.Warning, 15*time.Minute,
			fmt.Sprintf(`absent(up{job=%q} == 1)`, Job),
			"Prometheus reads no task: the alerts above are blind."),
	}
}

func alert(name, anchor string, severity alarms.Severity, lasting time.Duration, expr, why string) rule {
	return rule{
		Alert: name, Expr: expr, For: fmt.Sprintf("%dm", int(lasting.Minutes())),
		Labels:      map[string]string{"severity": string(severity)},
		Annotations: map[string]string{"summary": why, "runbook": alarms.Runbook(anchor)},
	}
}
