package alarms

import (
	"maps"
	"slices"
	"time"
)

// Metric is a CloudWatch metric with the way to read it, or what an expression
// makes of some. Names, dimensions and units are those of each service's page on
// CloudWatch metrics in AWS's documentation.
type Metric struct {
	Namespace, Name string
	Dimensions      map[string]string
	Statistic       string        // "Average", "Sum", "Minimum", "Maximum" or "p95"
	Period          time.Duration // 0 means a minute
	// Expression takes the place of all above but the period: metric math over
	// Inputs, by their names in it, or a Metrics Insights query, which has none.
	Expression string
	Inputs     map[string]Metric
}

// Seconds is the metric's period.
func (m Metric) Seconds() int {
	if m.Period == 0 {
		return 60
	}
	return int(m.Period.Seconds())
}

// SortedDimensions are the names of the metric's dimensions in a fixed order,
// without which two runs would give two templates.
func (m Metric) SortedDimensions() []string { return sortedKeys(m.Dimensions) }

// SortedInputs are the names of the expression's inputs in a fixed order.
func (m Metric) SortedInputs() []string { return sortedKeys(m.Inputs) }

func sortedKeys[V any](values map[string]V) []string { return slices.Sorted(maps.Keys(values)) }

// By is the same metric by another statistic.
func (m Metric) By(statistic string) Metric {
	m.Statistic = statistic
	return m
}
