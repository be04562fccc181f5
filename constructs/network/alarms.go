package network

import (
	"fmt"

	"wallet-infra/constructs/alarms"
)

// Alarms watch each NAT gateway.
func (n Network) Alarms() []alarms.Row {
	var rows []alarms.Row
	for i, errors := range n.Metrics().PortErrors {
		rows = append(rows, alarms.Row{
			ID: fmt.Sprintf("nat-ports-%d", i+1), Runbook: "nat-ports", Severity: alarms.Warning,
			Why:     "A NAT gateway has no port left for a new connection to one destination.",
			Metric:  errors,
			Compare: alarms.Above, Threshold: 0, Periods: 5, Datapoints: 3, Missing: alarms.NotBreaching,
		})
	}
	return rows
}
