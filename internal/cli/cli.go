// Package cli is what every command line here has in common: how flags are judged
// before anything is asked or begun, how problems are told, and how a process ends.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wallet-infra/internal/exit"
	"wallet-infra/internal/progress"
)

// Main runs a command with the process's arguments, and ends the process. SIGINT
// and SIGTERM end the command's context.
func Main(root *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := Run(ctx, root, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(int(status))
}

// Run runs a command, says on errs why it failed and, while it says nothing, what it
// is doing, and returns how the process is to end.
func Run(ctx context.Context, root *cobra.Command, arguments []string, out, errs io.Writer) exit.Status {
	ctx, reporter, stop := progress.Watch(ctx, root.Name(), errs, columns(errs))
	fit(root, columns(out))
	root.SetOut(reporter.Heard(out))
	root.SetErr(reporter.Heard(errs))
	err := Execute(ctx, root, arguments)
	stop()
	if err != nil && err.Error() != "" {
		fmt.Fprintf(errs, "%s: %v\n", root.Name(), err)
	}
	return exit.Of(err)
}

// Execute runs a command. All that is wrong with its flags is told at once, before the
// command does anything: a flag that is given without a value (`--prepare "$NAME"` with
// an unset variable must not mean the same as no --prepare), or twice, or with a value
// of another kind, and what the command's own PreRunE refuses.
func Execute(ctx context.Context, root *cobra.Command, arguments []string) error {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	judged := &judgement{}
	judged.watch(root)
	root.InitDefaultHelpCmd()
	root.PersistentPreRunE = func(command *cobra.Command, words []string) error {
		problems := judged.problems
		if command.PreRunE != nil && len(problems) == 0 {
			problems = append(problems, command.PreRunE(command, words))
		}
		return errors.Join(problems...)
	}
	root.SetArgs(append([]string{}, arguments...)) // nil would be the process's own
	if found, words, err := root.Find(arguments); err == nil && found.HasSubCommands() && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		return found.ValidateArgs(words) // before its flags, which nobody knows
	}
	err := root.ExecuteContext(ctx)
	if all := errors.Join(judged.problems...); all != nil && (err == nil || err.Error() != all.Error()) {
		return errors.Join(all, err)
	}
	return err
}

// Exclusive fails where more than one of some flags is given.
func Exclusive(command *cobra.Command, names ...string) error {
	var given []string
	for _, name := range names {
		if command.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 1 {
		return fmt.Errorf("%s: want at most one of them", strings.Join(given, ", "))
	}
	return nil
}

// judgement collects what is wrong with the flags, so that all of it is told at once.
type judgement struct{ problems []error }

// watch puts a judge before each flag of a command and of those below it.
func (j *judgement) watch(command *cobra.Command) {
	command.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, done := f.Value.(*flag); done {
			return
		}
		if f.DefValue == "0s" || f.DefValue == "[]" { // pflag's help would show them as defaults
			f.DefValue = ""
		}
		f.Value = &flag{Value: f.Value, name: f.Name, judgement: j}
	})
	if command.HasSubCommands() && !command.Runnable() { // cobra would show the help for any word, and call it done
		command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	}
	for _, below := range command.Commands() {
		j.watch(below)
	}
}

// flag is a flag's value that notes how it is given.
type flag struct {
	pflag.Value
	name  string
	given bool
	*judgement
}

// Set takes one occurrence of the flag.
func (f *flag) Set(text string) error {
	_, list := f.Value.(pflag.SliceValue)
	parts := []string{text}
	if list {
		parts = strings.Split(text, ",")
	}
	for _, part := range parts {
		if strings.TrimSpace(part) == "" {
			f.problems = append(f.problems, fmt.Errorf("--%s: want a value, got an empty one; leave the flag out if that is meant", f.name))
			return nil
		}
	}
	if f.given && !list {
		f.problems = append(f.problems, fmt.Errorf("--%s: want it once, got it again with %q", f.name, text))
		return nil
	}
	f.given = true
	if err := f.Value.Set(text); err != nil {
		want := map[string]string{"duration": "a duration such as 90s or 1h", "int": "a whole number", "bool": "true or false"}[f.Type()]
		f.problems = append(f.problems, fmt.Errorf("--%s: want %s, got %q", f.name, cmp.Or(want, f.Type()), text))
	}
	return nil
}
