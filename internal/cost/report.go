package cost

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
)

// budget is the seed's own estimate for production, USD a month. It is shown
// beside the computed cost and never adjusted to it, nor the cost to it.
var budget = map[string]string{
	"Compute": "800 to 2,400", "Database": "1,200", "Cache": "400", "Messaging": "600",
	"Networking": "200", "Monitoring": "300", "Keys and secrets": "in storage's 200", "Web ACL": "none",
}

// Report renders the fixed monthly cost of every environment as Markdown.
func Report(stacks []cfn.Stack, prices *Prices) (string, error) {
	bill, err := Calculate(stacks, prices)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	out.WriteString("| environment | region | component | what | USD a month | seed's budget (production) |\n")
	out.WriteString("| --- | --- | --- | --- | ---: | --- |\n")
	type total struct{ low, high float64 }
	totals, order := map[string]total{}, []string{}
	for _, line := range bill.Lines {
		seed := ""
		if line.Environment == "Production" && line.Region == "sa-east-1" {
			seed = budget[line.Component]
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", line.Environment, line.Region, line.Component,
			strings.Join(line.Units, ", "), dollars(line.Low, line.High), seed)
		at := line.Environment + " | " + line.Region
		if _, seen := totals[at]; !seen {
			order = append(order, at)
		}
		totals[at] = total{totals[at].low + line.Low, totals[at].high + line.High}
	}
	for _, at := range order {
		fmt.Fprintf(&out, "| **%s** | **total** | | **%s** | |\n", strings.ReplaceAll(at, " | ", "** | **"), dollars(totals[at].low, totals[at].high))
	}
	writeOthers(&out, bill)
	writeDoubts(&out, prices)
	return strings.TrimRight(out.String(), "\n"), nil
}

// writeOthers lists what the table does not hold.
func writeOthers(out *strings.Builder, bill Bill) {
	if len(bill.Unpriced) > 0 {
		out.WriteString("\n**Unpriced**, so these figures are too low by it:\n\n")
		writeCounts(out, bill.Unpriced)
	}
	if len(bill.ByUse) > 0 {
		out.WriteString("\nBilled by use, which these figures do not hold:\n\n")
		writeCounts(out, bill.ByUse)
	}
	fmt.Fprintf(out, "\n%d resources are free of charge.\n", bill.Free)
}

func writeCounts(out *strings.Builder, counts map[string]int) {
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "- %d × %s\n", counts[what], what)
	}
}

// writeDoubts lists the prices that a reader should look up before relying on
// the table.
func writeDoubts(out *strings.Builder, prices *Prices) {
	if len(prices.weak) == 0 {
		out.WriteString("\nEvery price behind these figures is of high confidence.\n")
		return
	}
	out.WriteString("\nPrices of less than high confidence that these figures rest on:\n\n")
	for _, at := range slices.Sorted(maps.Keys(prices.weak)) {
		price := prices.weak[at]
		fmt.Fprintf(out, "- %s, %s, %s: %g USD for each %s (%s confidence, %s)\n",
			price.Service, price.Item, price.Region, price.USD, price.Unit, price.Confidence, price.SourceDate)
	}
}

func dollars(low, high float64) string {
	if high < 1 {
		return "under 1"
	}
	if low == high {
		return fmt.Sprintf("%.0f", low)
	}
	return fmt.Sprintf("%.0f to %.0f", low, high)
}
