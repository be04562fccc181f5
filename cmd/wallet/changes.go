package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/schema"
)

// comparison are the flags of changes.
type comparison struct {
	*scope
	base, acknowledged, schemas string
	resumed                     bool
}

func newChanges(s *scope) *cobra.Command {
	c := &comparison{scope: s}
	var command *cobra.Command
	command = s.command(task{
		use: "changes", short: "Say what a change destroys, replaces, interrupts, opens and moves", long: `
Compares what is deployed, or the templates of another commit (--base), with what is to
be deployed (--assembly). Each is a cloud assembly (cdk.out), or a directory of
templates named after their stacks. It needs no AWS account.`,
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Found},
		judge: func() error {
			return errors.Join(required(command, "base"), exclusive(command, []string{"json", "markdown"}))
		},
	}, func(context.Context) error {
		report, err := c.compare(time.Now().UTC())
		if err != nil {
			return err
		}
		render := report.Text
		switch {
		case c.json:
			render = report.JSON
		case c.markdown:
			render = report.Markdown
		}
		if err := render(c.out); err != nil {
			return err
		}
		if !report.Passes() {
			return exit.With(exit.Found, "") // the report says what
		}
		return nil
	})
	takes(command, s.takesAssembly, s.takesJSON, s.takesMarkdown)
	flags := command.Flags()
	flags.StringVar(&c.base, "base", "", "the `directory` of what is deployed, or of the base branch; \""+changes.Nothing+"\" where nothing is deployed yet")
	flags.StringVar(&c.acknowledged, "acknowledged", "", "the `file` of acknowledgements (default "+changes.AcknowledgedFile+", if it is there)")
	flags.BoolVar(&c.resumed, "resumed", false, "for a deployment that may go on where one was stopped: an acknowledgement that matches nothing is a note")
	flags.StringVar(&c.schemas, "schemas", "", "the `file` of CloudFormation's schemas, for types that the platform has no more (default "+schema.Database+")")
	return command
}

// compare reads everything and judges it. It reports all that cannot be read.
func (c *comparison) compare(now time.Time) (changes.Report, error) {
	base, baseErr := changes.Load(c.base)
	head, headErr := changes.Load(c.assembly)
	base, head = base.Without(c.ofAnother), head.Without(c.ofAnother)
	if headErr == nil && len(head.Stacks()) == 0 {
		headErr = fmt.Errorf("no template of %s in %s: that would remove everything", c.name, c.assembly)
	}
	acknowledged, ackErr := c.acknowledgements()
	if err := errors.Join(baseErr, headErr, ackErr); err != nil {
		return changes.Report{}, err
	}
	types, err := changes.LoadSchemas(cmp.Or(c.schemas, filepath.Join(c.dir, schema.Database)), base, head)
	if err != nil {
		return changes.Report{}, err
	}
	if c.resumed {
		acknowledged = acknowledged.Resumed()
	}
	report := changes.Compare(base, head, types)
	return acknowledged.Acknowledge(report, append(base.Stacks(), head.Stacks()...), now), nil
}

// ofAnother says that a stack is another environment's. Where the environment's own
// stacks get other names, those of before are nobody's, and are compared.
func (c *comparison) ofAnother(stack string) bool {
	if strings.HasPrefix(stack, c.env.Names().StackName("")) {
		return false
	}
	return slices.ContainsFunc(config.All(), func(env config.Environment) bool {
		return strings.HasPrefix(stack, env.Names().StackName(""))
	})
}

// acknowledgements reads the file that is named, or the repository's own if it
// has one.
func (c *comparison) acknowledgements() (changes.Acknowledgements, error) {
	if c.acknowledged != "" {
		return changes.LoadAcknowledgements(c.acknowledged)
	}
	read, err := changes.LoadAcknowledgements(filepath.Join(c.dir, changes.AcknowledgedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return changes.Acknowledgements{}, nil
	}
	return read, err
}
