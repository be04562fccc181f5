package drift

import (
	"fmt"
	"slices"
	"strings"
)

// Report writes the results as Markdown, what nobody meant first.
func Report(environment string, results []Result, absent []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Drift of %s\n\n", environment)
	var unexpected, expected []Difference
	for _, result := range results {
		for _, difference := range result.Differences {
			if difference.Meant == "" {
				unexpected = append(unexpected, difference)
			} else {
				expected = append(expected, difference)
			}
		}
	}
	switch {
	case len(results) == 0:
		b.WriteString("Nothing was looked at.\n\n")
	case len(unexpected) == 0:
		fmt.Fprintf(&b, "%d stacks are as their templates say, as far as CloudFormation compares them.\n\n", len(results))
	default:
		b.WriteString("Somebody changed these outside of a deployment:\n\n")
		table(&b, unexpected, false)
	}
	if len(expected) > 0 {
		b.WriteString("Expected:\n\n")
		table(&b, expected, true)
	}
	for _, result := range results {
		if result.Unseen != "" {
			fmt.Fprintf(&b, "- %s was not seen whole: %s\n", result.Stack, oneLine(result.Unseen))
		}
	}
	for _, name := range absent {
		fmt.Fprintf(&b, "- %s is not deployed\n", name)
	}
	return b.String()
}

// Unexpected says whether a person must look at something: a difference that nobody
// meant, or a stack that was not seen whole.
func Unexpected(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool {
		return r.Unseen != "" || slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Meant == "" })
	})
}

func table(b *strings.Builder, differences []Difference, reasons bool) {
	b.WriteString("| stack | resource | property | difference |\n| --- | --- | --- | --- |\n")
	for _, d := range differences {
		kind := d.Kind
		if reasons {
			kind += ": " + d.Meant
		}
		fmt.Fprintf(b, "| %s | %s (%s) | %s | %s |\n", d.Stack, d.LogicalID, d.Type, d.Property, kind)
	}
	b.WriteString("\n")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
