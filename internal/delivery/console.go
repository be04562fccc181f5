package delivery

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

// Console is the person, or the log, at the other end.
type Console struct {
	Out io.Writer
	In  *bufio.Reader
	// Terminal says that a person can answer.
	Terminal bool
}

// say writes one line.
func (c Console) say(format string, arguments ...any) {
	fmt.Fprintf(c.Out, format+"\n", arguments...)
}

// list writes a heading and its points.
func (c Console) list(heading string, points []string) {
	if len(points) == 0 {
		return
	}
	c.say("%s", heading)
	for _, point := range points {
		c.say("  - %s", strings.ReplaceAll(point, "\n", "\n    "))
	}
}

// confirm asks for a text and fails unless exactly that is typed. Without a
// terminal it fails at once: nobody could answer, and silence is no consent.
func (c Console) confirm(ctx context.Context, question, want string) error {
	if !c.Terminal {
		return exit.With(exit.Refused, "%s: nobody can be asked without a terminal", question)
	}
	defer progress.Pause(ctx)()
	fmt.Fprintf(c.Out, "%s\nType %q to go on: ", question, want)
	answer, err := c.In.ReadString('\n')
	if strings.TrimSpace(answer) != want {
		if err != nil {
			c.say("")
		}
		return exit.With(exit.Declined, "not confirmed: nothing was changed")
	}
	return nil
}

// approve asks for a yes, unless it was given on the command line.
func (c Console) approve(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if !c.Terminal {
		return exit.With(exit.Refused, "%s Nobody can be asked without a terminal: add --yes", question)
	}
	return c.confirm(ctx, question, "yes")
}
