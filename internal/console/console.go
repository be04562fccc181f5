// Package console is the person, or the log, at the other end of a command: what it
// is told, what it is asked, and how what was found before a change is reported.
package console

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

// Console is where a command writes, and where it may ask.
type Console struct {
	Out io.Writer
	In  *bufio.Reader
	// Terminal says that a person can answer.
	Terminal bool
}

// Say writes one line.
func (c Console) Say(format string, arguments ...any) {
	fmt.Fprintf(c.Out, format+"\n", arguments...)
}

// List writes a heading and its points; without points it writes nothing.
func (c Console) List(heading string, points []string) {
	if len(points) == 0 {
		return
	}
	c.Say("%s", heading)
	for _, point := range points {
		c.Say("  - %s", strings.ReplaceAll(point, "\n", "\n    "))
	}
}

// rule is the line below the head of a table in Markdown.
var rule = regexp.MustCompile(`^\|[ :|-]+\|$`)

// Plain is a report in Markdown for somebody at a terminal: its tables in columns, and no
// marks.
func Plain(markdown string) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(strings.ReplaceAll(strings.TrimPrefix(line, "## "), "**", ""))
		if rule.MatchString(line) {
			continue
		}
		if strings.HasPrefix(line, "|") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i, cell := range cells {
				cells[i] = strings.TrimSpace(cell)
			}
			line = strings.TrimRight(strings.Join(cells, "\t"), "\t")
		}
		fmt.Fprintln(table, line)
	}
	_ = table.Flush() // into memory
	return out.String()
}

// Confirm asks for a text and fails unless exactly that is typed. Without a
// terminal it fails at once: nobody could answer, and silence is no consent.
func (c Console) Confirm(ctx context.Context, question, want string) error {
	if !c.Terminal {
		return exit.With(exit.Refused, "%s: nobody can be asked without a terminal", question)
	}
	defer progress.Pause(ctx)()
	fmt.Fprintf(c.Out, "%s\nType %q to go on: ", question, want)
	answer, err := c.In.ReadString('\n')
	if strings.TrimSpace(answer) != want {
		if err != nil {
			c.Say("")
		}
		return exit.With(exit.Declined, "not confirmed: nothing was changed")
	}
	return nil
}

// Approve asks for a yes, unless it was given on the command line.
func (c Console) Approve(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if !c.Terminal {
		return exit.With(exit.Refused, "%s Nobody can be asked without a terminal: add --yes", question)
	}
	return c.Confirm(ctx, question, "yes")
}

// Findings are what a look before a change brought: problems, which stop it, and
// notes, which a person should know.
type Findings struct {
	Problems, Notes []string
}

// Problem adds what stops the change.
func (f *Findings) Problem(format string, arguments ...any) {
	f.Problems = append(f.Problems, fmt.Sprintf(format, arguments...))
}

// Note adds what a person should know.
func (f *Findings) Note(format string, arguments ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, arguments...))
}

// Conclude prints the notes, and fails with every problem at once.
func (c Console) Conclude(ctx context.Context, found Findings) error {
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, "interrupted while looking: nothing was changed")
	}
	c.List("noticed:", found.Notes)
	if len(found.Problems) > 0 {
		c.List("problems:", found.Problems)
		return exit.With(exit.Refused, "%d problems, all listed above; nothing was changed", len(found.Problems))
	}
	c.Say("checks passed")
	return nil
}
