package network

import "wallet-infra/constructs/alarms"

// Metrics are what the NAT gateways publish, each by gateway.
type Metrics struct {
	PortErrors []alarms.Metric // connections for which no port was left
	BytesOut   []alarms.Metric // to the internet
}

// Metrics are the network's.
func (n Network) Metrics() Metrics {
	return Metrics{PortErrors: n.each("ErrorPortAllocation"), BytesOut: n.each("BytesOutToDestination")}
}

// each is a metric of every gateway.
func (n Network) each(name string) []alarms.Metric {
	var metrics []alarms.Metric
	for _, gateway := range n.NATGateways {
		metrics = append(metrics, alarms.Metric{
			Namespace: "AWS/NATGateway", Name: name, Statistic: "Sum",
			Dimensions: map[string]string{"NatGatewayId": gateway},
		})
	}
	return metrics
}
