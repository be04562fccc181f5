// Command changes compares two sets of templates and says what the way from one
// to the other does: what it destroys, replaces, interrupts, opens and moves. It
// needs no AWS account and no Node.
//
// Its exit status is 0 when nothing is left to acknowledge, 2 when something is,
// and 1 when the input cannot be read.
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
	"wallet-infra/internal/schema"
)

// Exit statuses.
const (
	clean    = 0
	badInput = 1
	open     = 2
)

// acknowledgedFile is where the repository keeps its acknowledgements: beside the
// workflows, where CODEOWNERS can ask for a second pair of eyes.
const acknowledgedFile = ".github/acknowledged-changes.yaml"

// options are the command's flags.
type options struct {
	base, head, format, acknowledged, output, schemas string
	resumed                                           bool
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, time.Now().UTC()))
}

// run executes the command on a day and returns its exit status.
func run(arguments []string, out, problems io.Writer, now time.Time) int {
	var chosen options
	status := clean
	command := &cobra.Command{
		Use:   "changes --base DIR --head DIR",
		Short: "Say what a change of templates destroys, replaces, interrupts, opens and moves",
		Long: "Compares two sets of templates: cloud assemblies (cdk.out), or directories of templates\n" +
			"named after their stacks. Exit status: 0 nothing to acknowledge, 2 findings, 1 bad input.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			report, err := compare(chosen, now)
			if err != nil {
				return err
			}
			if !report.Passes() {
				status = open
			}
			return write(report, chosen, out)
		},
	}
	flags := command.Flags()
	flags.StringVar(&chosen.base, "base", "", "the `directory` of what is deployed, or of the base branch")
	flags.StringVar(&chosen.head, "head", "", "the `directory` of what is to be deployed")
	flags.StringVar(&chosen.format, "format", "text", "text, markdown or json")
	flags.StringVar(&chosen.acknowledged, "acknowledged", "", "the `file` of acknowledgements (default "+acknowledgedFile+", if it is there)")
	flags.BoolVar(&chosen.resumed, "resumed", false, "for a deployment that may go on where one was stopped: an acknowledgement that matches nothing is a note")
	flags.StringVar(&chosen.output, "output", "", "the `file` to write; standard output when it is not given")
	flags.StringVar(&chosen.schemas, "schemas", schema.Database, "the `file` of CloudFormation's schemas, for types that the platform has no more")
	command.SetArgs(arguments)
	command.SetOut(out)
	command.SetErr(problems)
	if err := command.Execute(); err != nil {
		fmt.Fprintf(problems, "changes: %v\n", err)
		return badInput
	}
	return status
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
	optional := path == ""
	if optional {
		path = acknowledgedFile
	}
	content, err := os.ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return changes.Acknowledgements{}, nil
	}
	if err != nil {
		return changes.Acknowledgements{}, err
	}
	read, err := changes.ReadAcknowledgements(content)
	if err != nil {
		return read, fmt.Errorf("%s: %w", path, err)
	}
	return read, nil
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
