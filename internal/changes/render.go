package changes

import (
	"cmp"
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", finding.Title(), finding.Stack, cmp.Or(finding.Resource, "-"), cmp.Or(finding.Type, "-"))
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

func writeDetails(out io.Writer, finding Finding) {
	fmt.Fprintf(out, "\n%s: %s %s\n", finding.Title(), finding.Stack, finding.Resource)
	if finding.Path != "" {
		fmt.Fprintf(out, "  %s\n", finding.Path)
	}
	for _, detail := range finding.Details {
		fmt.Fprintf(out, "  - %s%s [%s]\n", detail.doubt(), detail.Text, detail.Change)
		if detail.Source != "" {
			fmt.Fprintf(out, "    %s\n", detail.Source)
		}
	}
	for _, reason := range finding.Acknowledged {
		fmt.Fprintf(out, "  acknowledged: %s\n", reason)
	}
}

// doubt is what stands before a detail that templates alone do not decide.
func (d Detail) doubt() string {
	if d.Maybe {
		return "maybe: "
	}
	return ""
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

// GitHub refuses a comment of more than 65,536 characters.
const (
	mostCharacters = 60_000
	mostLines      = 15 // of resources, so that the comment fits a screen
	mostDetails    = 20 // of one finding
	mostOfDetail   = 500
	mostOfLine     = 160
)

// Markdown writes the report for a comment that fits a screen: a line for each
// resource that somebody has to look at, the worst first, and what to do next. The
// details and the entries that would acknowledge them are folded. What does not fit
// is counted, the least important of it first.
func (r Report) Markdown(out io.Writer) error {
	var page strings.Builder
	fmt.Fprintf(&page, "**%s**\n", escape(r.Summary()))
	lines := r.lines()
	if len(lines) > 0 {
		page.WriteString("\n| what it does | resource | why |\n| --- | --- | --- |\n")
	}
	for i, line := range lines {
		if i == mostLines {
			fmt.Fprintf(&page, "| | and %d more | |\n", len(lines)-i)
			break
		}
		page.WriteString(line)
	}
	for i, said := range append(slices.Clone(r.Problems), r.Notes...) {
		if i == mostLines {
			fmt.Fprintf(&page, "\n- and %d more\n", len(r.Problems)+len(r.Notes)-i)
			break
		}
		fmt.Fprintf(&page, "\n- %s", escape(clip(said, mostOfDetail)))
	}
	fmt.Fprintf(&page, "\n%s\n", r.next())
	const frame = 500 // what counts the rest, and what frames the folded parts
	shown, details, entries := r.fitting(mostCharacters - utf8.RuneCountInString(page.String()) - frame)
	if details != "" {
		fmt.Fprintf(&page, "\n<details><summary>Details</summary>\n\n%s\n</details>\n", details)
	}
	if left := r.Findings[shown:]; len(left) > 0 {
		fmt.Fprintf(&page, "\nAnd %d more, %d of them in need of an acknowledgement: the report in JSON has them all.\n", len(left), Report{Findings: left}.Open())
	}
	if entries != "" {
		fmt.Fprintf(&page, "\n<details><summary>Entries to acknowledge</summary>\n\n```yaml\nacknowledged:\n%s```\n\n</details>\n", entries)
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// next says what to do now.
func (r Report) next() string {
	switch {
	case r.Open() > 0:
		return "**Next:** read each line. What is meant gets its reason in `" + AcknowledgedFile + "` (the entries are below) in this pull request; what is not meant is changed back."
	case len(r.Problems) > 0:
		return "**Next:** mend `" + AcknowledgedFile + "` as said above."
	default:
		return "**Next:** nothing is left to decide here."
	}
}

// lines has a row of a table for each resource of which something is said that is
// not safe: its worst verdict, the others, and the first reason.
func (r Report) lines() []string {
	others := map[place][]string{}
	for _, finding := range r.Findings {
		of := place{finding.Stack, finding.Resource}
		others[of] = append(others[of], finding.Title())
	}
	var lines []string
	seen := map[place]bool{}
	for _, finding := range r.Findings {
		of := place{finding.Stack, finding.Resource}
		if seen[of] || finding.Verdict == Safe {
			continue
		}
		seen[of] = true
		does := "**" + finding.Title() + "**"
		if len(others[of]) > 1 {
			does += ", " + strings.Join(others[of][1:], ", ")
		}
		if len(finding.Acknowledged) > 0 {
			does += " (acknowledged)"
		}
		name := escape(finding.Stack)
		if finding.Resource != "" {
			name = escape(finding.Resource) + " in " + name
		}
		why := finding.Details[0].Text
		if end := strings.LastIndex(why, ": "); len(why) > mostOfLine && end > 0 { // the values are in the details
			why = finding.Details[0].Property + why[end:]
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |\n", does, name, escape(clip(why, mostOfLine))))
	}
	return lines
}

// fitting says how many findings fit, and writes them and the entries that would
// acknowledge them. What follows the first that does not fit is no worse, and is
// left out with it.
func (r Report) fitting(room int) (shown int, details, entries string) {
	for _, finding := range r.Findings {
		item, entry := markdownItem(finding), ""
		if finding.NeedsAcknowledgement() {
			entry = indent(Suggestion(finding))
		}
		if room -= utf8.RuneCountInString(item + entry); room < 0 {
			break
		}
		details += item
		entries += entry
		shown++
	}
	return shown, details, entries
}

// markdownItem is one finding as an item of a list.
func markdownItem(finding Finding) string {
	var item strings.Builder
	fmt.Fprintf(&item, "- **%s**: %s", finding.Title(), escape(finding.Stack))
	if finding.Resource != "" {
		fmt.Fprintf(&item, " %s (%s)", escape(finding.Resource), escape(finding.Type))
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
		source := ""
		if detail.Source != "" {
			source = fmt.Sprintf(" ([AWS](%s))", detail.Source)
		}
		fmt.Fprintf(&item, "  - %s%s%s\n", detail.doubt(), escape(clip(detail.Text, mostOfDetail)), source)
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
