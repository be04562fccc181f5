// Command changes compares two sets of templates and says what the way from one
// to the other does: what it destroys, replaces, interrupts, opens and moves. It
// needs no AWS account and no Node.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"wallet-infra/internal/changes"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/schema"
)

// options are the command's flags.
type options struct {
	base, head, format, acknowledged, output, schemas string
	resumed                                           bool
}

func main() { cli.Main(newCommand(time.Now().UTC())) }

// newCommand makes the command of a day.
func newCommand(now time.Time) *cobra.Command {
	var chosen options
	command := &cobra.Command{
		Use:   "changes --base DIR --head DIR",
		Short: "Say what a change of templates destroys, replaces, interrupts, opens and moves",
		Long: "Compares two sets of templates: cloud assemblies (cdk.out), or directories of templates\n" +
			"named after their stacks.\n\n" + exit.Explain(exit.Done, exit.Refused, exit.Found),
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			report, err := compare(chosen, now)
			if err != nil {
				return err
			}
			if err := write(report, chosen, command.OutOrStdout()); err != nil {
				return err
			}
			if !report.Passes() {
				return exit.With(exit.Found, "") // the report says what
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&chosen.base, "base", "", "the `directory` of what is deployed, or of the base branch")
	flags.StringVar(&chosen.head, "head", "", "the `directory` of what is to be deployed")
	flags.StringVar(&chosen.format, "format", "text", "text, markdown or json")
	flags.StringVar(&chosen.acknowledged, "acknowledged", "", "the `file` of acknowledgements (default "+changes.AcknowledgedFile+", if it is there)")
	flags.BoolVar(&chosen.resumed, "resumed", false, "for a deployment that may go on where one was stopped: an acknowledgement that matches nothing is a note")
	flags.StringVar(&chosen.output, "output", "", "the `file` to write; standard output when it is not given")
	flags.StringVar(&chosen.schemas, "schemas", schema.Database, "the `file` of CloudFormation's schemas, for types that the platform has no more")
	return command
}

// compare reads everything and judges it. It reports all that cannot be read.
func compare(chosen options, now time.Time) (changes.Report, error) {
	var missing []error
	for name, value := range map[string]string{"--base": chosen.base, "--head": chosen.head} {
		if value == "" {
			missing = append(missing, fmt.Errorf("%s: want a directory, got nothing", name))
		}
	}
	if !known(chosen.format) {
		missing = append(missing, fmt.Errorf("--format: want text, markdown or json, got %q", chosen.format))
	}
	if len(missing) > 0 {
		return changes.Report{}, errors.Join(missing...)
	}
	base, baseErr := changes.Load(chosen.base)
	head, headErr := changes.Load(chosen.head)
	if headErr == nil && len(head.Stacks()) == 0 {
		headErr = fmt.Errorf("no template in %s: that would remove everything", chosen.head)
	}
	acknowledged, ackErr := acknowledgements(chosen.acknowledged)
	if err := errors.Join(baseErr, headErr, ackErr); err != nil {
		return changes.Report{}, err
	}
	types, err := changes.LoadSchemas(chosen.schemas, base, head)
	if err != nil {
		return changes.Report{}, err
	}
	if chosen.resumed {
		acknowledged = acknowledged.Resumed()
	}
	report := changes.Compare(base, head, types)
	return acknowledged.Acknowledge(report, append(base.Stacks(), head.Stacks()...), now), nil
}

func known(format string) bool { return format == "text" || format == "markdown" || format == "json" }

// acknowledgements reads the file that is named, or the repository's own if it
// has one.
func acknowledgements(path string) (changes.Acknowledgements, error) {
	if path != "" {
		return changes.LoadAcknowledgements(path)
	}
	read, err := changes.LoadAcknowledgements(changes.AcknowledgedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return changes.Acknowledgements{}, nil
	}
	return read, err
}

// write renders the report to where it was asked for.
func write(report changes.Report, chosen options, out io.Writer) error {
	render := report.Text
	switch chosen.format {
	case "markdown":
		render = report.Markdown
	case "json":
		render = report.JSON
	}
	if chosen.output == "" {
		return render(out)
	}
	file, err := os.Create(chosen.output)
	if err != nil {
		return err
	}
	return errors.Join(render(file), file.Close())
}
