package changes

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Summary is the report in one sentence.
func (r Report) Summary() string {
	open, acknowledged := r.Open(), 0
	for _, finding := range r.Findings {
		if len(finding.Acknowledged) > 0 {
			acknowledged++
		}
	}
	said := "Nothing changes."
	if len(r.Findings) > 0 {
		said = fmt.Sprintf("%s; %d acknowledged, %d safe. The worst: %s.",
			count(open, "finding needs an acknowledgement", "findings need an acknowledgement"), acknowledged, r.Count(Safe), r.Worst().Title())
	}
	if len(r.Problems) > 0 {
		said += " " + count(len(r.Problems), "acknowledgement is out of place.", "acknowledgements are out of place.")
	}
	return said
}

func count(number int, one, several string) string {
	if number == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", number, several)
}

// JSON writes the whole report.
func (r Report) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Summary string  `json:"summary"`
		Passes  bool    `json:"passes"`
		Worst   Verdict `json:"worst"`
		Open    int     `json:"open"`
		Report
	}{r.Summary(), r.Passes(), r.Worst(), r.Open(), r})
}

// Text writes a table for a terminal: one line for each finding, worst first, its
// details below it.
func (r Report) Text(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\n", r.Summary())
	if len(r.Findings) > 0 {
		fmt.Fprintf(table, "\nVERDICT\tSTACK\tRESOURCE\tTYPE\n")
	}
	for _, finding := range r.Findings {
		if finding.Verdict == Safe {
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", finding.Title(), finding.Stack, orDash(finding.Resource), orDash(finding.Type))
	}
	for _, finding := range r.Findings {
		if finding.Verdict == Safe {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", finding.Title(), finding.Stack, orDash(finding.Resource), orDash(finding.Type))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, finding := range r.Findings {
		if finding.Verdict != Safe {
			writeDetails(out, finding)
		}
	}
	for _, line := range append(slices.Clone(r.Problems), r.Notes...) {
		fmt.Fprintf(out, "\n%s\n", line)
	}
	if r.Open() > 0 {
		fmt.Fprintf(out, "\nTo acknowledge, give the reasons:\n\nacknowledged:\n%s", r.suggestions())
	}
	return nil
}

func orDash(word string) string {
	if word == "" {
		return "-"
	}
	return word
}

func writeDetails(out io.Writer, finding Finding) {
	fmt.Fprintf(out, "\n%s: %s %s\n", finding.Title(), finding.Stack, finding.Resource)
	if finding.Path != "" {
		fmt.Fprintf(out, "  %s\n", finding.Path)
	}
	for _, detail := range finding.Details {
		doubt := ""
		if detail.Maybe {
			doubt = "maybe: "
		}
		fmt.Fprintf(out, "  - %s%s [%s]\n", doubt, detail.Text, detail.Change)
		if detail.Source != "" {
			fmt.Fprintf(out, "    %s\n", detail.Source)
		}
	}
	for _, reason := range finding.Acknowledged {
		fmt.Fprintf(out, "  acknowledged: %s\n", reason)
	}
}

// suggestions are the entries for everything that is open.
func (r Report) suggestions() string {
	var entries strings.Builder
	for _, finding := range r.Findings {
		if finding.NeedsAcknowledgement() {
			entries.WriteString(indent(Suggestion(finding)))
		}
	}
	return entries.String()
}

func indent(content string) string {
	var indented strings.Builder
	for line := range strings.Lines(content) {
		indented.WriteString("  " + line)
	}
	return indented.String()
}

// GitHub refuses a comment of more than 65,536 characters. The rest is left to
// whoever puts something around the report.
const (
	mostCharacters = 60_000
	mostDetails    = 20 // of one finding
	mostOfDetail   = 500
)

// Markdown writes the report for a comment: the counts, the worst first, each
// stack's details folded. What does not fit is counted, the least important of it
// first.
func (r Report) Markdown(out io.Writer) error {
	var head strings.Builder
	fmt.Fprintf(&head, "**%s**\n\n", escape(r.Summary()))
	if len(r.Findings) > 0 {
		head.WriteString("| verdict | findings | acknowledged |\n| --- | ---: | ---: |\n")
	}
	for _, verdict := range Verdicts() {
		if found := r.Of(verdict); len(found) > 0 {
			open := slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return !f.NeedsAcknowledgement() })
			acknowledged := fmt.Sprint(len(found) - len(open))
			if verdict == Safe {
				acknowledged = "not needed"
			}
			fmt.Fprintf(&head, "| %s | %d | %s |\n", verdict.Title(), len(found), acknowledged)
		}
	}
	pages := r.pages(mostCharacters - utf8.RuneCountInString(head.String()))
	_, err := io.WriteString(out, head.String()+pages)
	return err
}

// pages writes as many findings as fit, by stack, and counts the rest.
func (r Report) pages(room int) string {
	const forTheRest = 500 // the line that counts what was left out, and what frames the entries
	room -= forTheRest
	var all strings.Builder
	for _, line := range append(slices.Clone(r.Problems), r.Notes...) {
		item := "- " + escape(line) + "\n"
		if room -= utf8.RuneCountInString(item); room > 0 {
			all.WriteString(item)
		}
	}
	shown, items, entries := r.fitting(room)
	var order []string
	stacks := map[string][]Finding{}
	for _, finding := range r.Findings[:shown] {
		order = appendNew(order, finding.Stack)
		stacks[finding.Stack] = append(stacks[finding.Stack], finding)
	}
	for _, name := range order {
		fmt.Fprintf(&all, "\n<details><summary><b>%s</b>: %s</summary>\n\n%s\n</details>\n", escape(name), tally(stacks[name]), items[name])
	}
	if left := r.Findings[shown:]; len(left) > 0 {
		fmt.Fprintf(&all, "\nAnd %d more, %d of them in need of an acknowledgement: the report in JSON has them all.\n", len(left), Report{Findings: left}.Open())
	}
	if entries != "" {
		fmt.Fprintf(&all, "\n<details><summary>To acknowledge</summary>\n\nOnly with a reason, in the file of acknowledgements:\n\n```yaml\nacknowledged:\n%s```\n\n</details>\n", entries)
	}
	return all.String()
}

// fitting says how many findings fit, and writes them by stack, and the entries
// that would acknowledge them. What follows the first that does not fit is no
// worse, and is left out with it.
func (r Report) fitting(room int) (shown int, items map[string]string, entries string) {
	const frame = 400 // around the findings of a stack
	items = map[string]string{}
	for _, finding := range r.Findings {
		item, entry := markdownItem(finding), ""
		if finding.NeedsAcknowledgement() {
			entry = indent(Suggestion(finding))
		}
		cost := utf8.RuneCountInString(item + entry)
		if items[finding.Stack] == "" {
			cost += utf8.RuneCountInString(escape(finding.Stack)) + frame
		}
		if cost > room {
			break
		}
		room -= cost
		items[finding.Stack] += item
		entries += entry
		shown++
	}
	return shown, items, entries
}

// tally counts findings by verdict, worst first.
func tally(findings []Finding) string {
	var parts []string
	for _, verdict := range Verdicts() {
		number := 0
		for _, finding := range findings {
			if finding.Verdict == verdict {
				number++
			}
		}
		if number > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", number, verdict.Title()))
		}
	}
	return strings.Join(parts, ", ")
}

// markdownItem is one finding as an item of a list.
func markdownItem(finding Finding) string {
	var item strings.Builder
	fmt.Fprintf(&item, "- **%s**: %s", finding.Title(), escape(finding.Stack))
	if finding.Resource != "" {
		item.Reset()
		fmt.Fprintf(&item, "- **%s**: %s (%s)", finding.Title(), escape(finding.Resource), escape(finding.Type))
	}
	for _, reason := range finding.Acknowledged {
		fmt.Fprintf(&item, "; acknowledged: %s", escape(reason))
	}
	item.WriteString("\n")
	for i, detail := range finding.Details {
		if i == mostDetails {
			fmt.Fprintf(&item, "  - and %d more\n", len(finding.Details)-i)
			break
		}
		doubt, source := "", ""
		if detail.Maybe {
			doubt = "maybe: "
		}
		if detail.Source != "" {
			source = fmt.Sprintf(" ([AWS](%s))", detail.Source)
		}
		fmt.Fprintf(&item, "  - %s%s%s\n", doubt, escape(clip(detail.Text, mostOfDetail)), source)
	}
	return item.String()
}

// escape makes text of a template harmless in Markdown: it can neither format nor
// mention anyone nor open an element.
func escape(content string) string {
	var plain strings.Builder
	for _, char := range content {
		switch {
		case strings.ContainsRune("&<>@#|*_`[]\\~!{}", char):
			fmt.Fprintf(&plain, "&#%d;", char)
		case char == '\n' || char == '\r' || char == '\t':
			plain.WriteByte(' ')
		default:
			plain.WriteRune(char)
		}
	}
	// GitHub makes links of bare addresses too.
	return strings.NewReplacer("://", "&#58;//", "www.", "www&#46;").Replace(plain.String())
}
