package edge

import (
	"fmt"
	"time"

	"wallet-infra/constructs/alarms"
)

// Metrics are what the load balancer publishes, of itself and of its two target
// groups.
type Metrics struct {
	Requests alarms.Metric // that reached a target
	// Successes, ClientErrors and ServerErrors are the service's answers by class.
	Successes, ClientErrors, ServerErrors alarms.Metric
	BalancerErrors                        alarms.Metric // 5xx of the load balancer's own
	ConnectionErrors                      alarms.Metric // connections that no task took
	// Latency is the P95 in seconds, until a task begins to answer.
	Latency alarms.Metric
	// ErrorRate is the percentage of requests that failed.
	ErrorRate alarms.Metric
	// CertificateDays is the rest of the certificate's life. ACM publishes it once a
	// day.
	CertificateDays alarms.Metric
	// Blue and Green are by target group.
	Blue, Green Group
}

// Group are the metrics of one target group. One without tasks publishes nothing.
type Group struct {
	Requests, Healthy, Unhealthy alarms.Metric
	serverErrors                 alarms.Metric
	connectionErrors             alarms.Metric
	latency                      alarms.Metric
}

// Metrics are the edge's.
func (e Edge) Metrics() Metrics { return e.metrics }

// newMetrics asks for the full names, "app/name/id" and "targetgroup/name/id", once.
func newMetrics(e Edge) Metrics {
	balancer := *e.LoadBalancer.LoadBalancerFullName()
	of := func(name, statistic string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/ApplicationELB", Name: name, Statistic: statistic,
			Dimensions: map[string]string{"LoadBalancer": balancer},
		}
	}
	metrics := Metrics{
		Requests:         of("RequestCount", "Sum"),
		Successes:        of("HTTPCode_Target_2XX_Count", "Sum"),
		ClientErrors:     of("HTTPCode_Target_4XX_Count", "Sum"),
		ServerErrors:     of("HTTPCode_Target_5XX_Count", "Sum"),
		BalancerErrors:   of("HTTPCode_ELB_5XX_Count", "Sum"),
		ConnectionErrors: of("TargetConnectionErrorCount", "Sum"),
		Latency:          of("TargetResponseTime", "p95"),
		CertificateDays: alarms.Metric{
			Namespace: "AWS/CertificateManager", Name: "DaysToExpiry", Statistic: "Minimum", Period: 24 * time.Hour,
			Dimensions: map[string]string{"CertificateArn": *e.Certificate.CertificateArn()},
		},
		Blue:  newGroup(balancer, *e.Blue.TargetGroupFullName()),
		Green: newGroup(balancer, *e.Green.TargetGroupFullName()),
	}
	metrics.ErrorRate = metrics.failed(errorRate)
	return metrics
}

func newGroup(balancer, group string) Group {
	of := func(name, statistic string) alarms.Metric {
		return alarms.Metric{
			Namespace: "AWS/ApplicationELB", Name: name, Statistic: statistic,
			Dimensions: map[string]string{"LoadBalancer": balancer, "TargetGroup": group},
		}
	}
	return Group{
		Requests:         of("RequestCount", "Sum"),
		Healthy:          of("HealthyHostCount", "Maximum"),
		Unhealthy:        of("UnHealthyHostCount", "Maximum"),
		serverErrors:     of("HTTPCode_Target_5XX_Count", "Sum"),
		connectionErrors: of("TargetConnectionErrorCount", "Sum"),
		latency:          of("TargetResponseTime", "p95"),
	}
}

// The expressions below read counts that exist only when there is something to
// count, and the newest minute of which often nothing has arrived. CloudWatch
// warns that FILL(…, 0) alone makes that minute a zero, so that an alarm stays as
// it is ("Metric math syntax and functions"). Each therefore adds zero times what
// is there whenever a request is: a minute that is late has no value.

// failedRequests are all that were answered with 5xx, whoever did.
const failedRequests = "(FILL(balancer, 0) + FILL(service, 0) + 0 * FILL(requests, balancer))"

// errorRate is their percentage. RequestCount leaves out requests for which no
// target was found, so those errors are added below the line too.
const errorRate = "100 * " + failedRequests + " / (FILL(requests, 0) + FILL(balancer, 0))"

// failed is an expression about the requests that failed.
func (m Metrics) failed(expression string) alarms.Metric {
	return alarms.Metric{Expression: expression, Inputs: map[string]alarms.Metric{
		"balancer": m.BalancerErrors, "service": m.ServerErrors, "requests": m.Requests,
	}}
}

// errors is the error rate, and 0 below a number of failures.
func (m Metrics) errors(minErrors int) alarms.Metric {
	return m.failed(fmt.Sprintf("IF(%s >= %d, %s, 0)", failedRequests, minErrors, errorRate))
}

// both is the sum over the two groups: the service as a whole, whichever has its
// tasks.
func both(blue, green alarms.Metric) alarms.Metric {
	return alarms.Metric{
		Expression: "FILL(blue, 0) + FILL(green, 0) + 0 * FILL(blue, green)",
		Inputs:     map[string]alarms.Metric{"blue": blue, "green": green},
	}
}

// errors is the percentage of the group's requests that failed, by the application's
// answer or because no task took the connection, and 0 below a number of failures.
// The one in the divisor keeps a minute without requests from being no number.
func (g Group) errors(minErrors int) alarms.Metric {
	const failed = "(FILL(failed, 0) + FILL(lost, 0) + 0 * FILL(requests, lost))"
	return alarms.Metric{
		Expression: fmt.Sprintf("IF(%s >= %d, 100 * %s / (FILL(requests, 0) + FILL(lost, 0) + 1), 0)", failed, minErrors, failed),
		Inputs:     map[string]alarms.Metric{"failed": g.serverErrors, "lost": g.connectionErrors, "requests": g.Requests},
	}
}

// slowness is the group's P95 in seconds, and 0 below a number of requests.
func (g Group) slowness(minRequests int) alarms.Metric {
	return alarms.Metric{
		Expression: fmt.Sprintf("IF(requests >= %d, latency, 0)", minRequests),
		Inputs:     map[string]alarms.Metric{"latency": g.latency, "requests": g.Requests},
	}
}
