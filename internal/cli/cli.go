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

// Execute runs a command. All that is wrong with its line is told at once, before the
// command does anything: flags and words that it does not have, a flag that is given
// without a value (`--prepare "$NAME"` with an unset variable must not mean the same as
// no --prepare), or twice, or with a value of another kind, and what the command's own
// PreRunE refuses.
func Execute(ctx context.Context, root *cobra.Command, arguments []string) error {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	judged := &judgement{bad: map[string]bool{}}
	judged.watch(root)
	root.InitDefaultHelpCmd()
	root.SetArgs(append([]string{}, arguments...)) // nil would be the process's own
	found, words, err := root.Find(arguments)
	if err != nil {
		return err
	}
	if found.HasSubCommands() && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		return found.ValidateArgs(words) // before its flags, which nobody knows
	}
	if known := judged.known(found, words); len(judged.problems) > 0 {
		// Which words belong to a flag that nobody knows is not known either.
		_ = found.ParseFlags(known)
		return judged.of(found, nil)
	}
	arity := found.Args
	if arity != nil {
		found.Args = cobra.ArbitraryArgs
	}
	root.PersistentPreRunE = func(command *cobra.Command, words []string) error {
		if arity != nil {
			judged.note("", arity(command, words))
		}
		return judged.of(command, words)
	}
	return root.ExecuteContext(ctx)
}

// Suggest says which of the known words was meant, if one of them is near.
func Suggest(word string, known ...string) string {
	parent := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, one := range known {
		parent.AddCommand(&cobra.Command{Use: one, Run: func(*cobra.Command, []string) {}})
	}
	near := parent.SuggestionsFor(word)
	if word == "" || len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
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

// judgement collects what is wrong with the line, so that all of it is told at once.
type judgement struct {
	problems []error
	bad      map[string]bool // flags of which something is told already
}

// note adds what is wrong with a flag, or with no flag in particular.
func (j *judgement) note(flag string, problem error) {
	if problem != nil {
		j.problems = append(j.problems, problem)
		j.bad["--"+flag] = true
	}
}

// of is everything that is wrong, with what the command itself refuses. Of a flag whose
// value could not be taken nothing more is told.
func (j *judgement) of(command *cobra.Command, words []string) error {
	judge := command.PreRunE
	command.PreRunE = nil // cobra would judge once more
	if judge == nil {
		return errors.Join(j.problems...)
	}
	refused := judge(command, words)
	if refused == nil || len(j.problems) == 0 {
		return errors.Join(append(j.problems, refused)...)
	}
	for line := range strings.Lines(refused.Error()) {
		if flag, _, _ := strings.Cut(line, ":"); !j.bad[flag] {
			j.problems = append(j.problems, errors.New(strings.TrimSuffix(line, "\n")))
		}
	}
	return errors.Join(j.problems...)
}

// Unknown tells the flags of a line that a command does not have, where the line is
// refused for another reason already.
func Unknown(command *cobra.Command, words []string) error {
	judged := &judgement{bad: map[string]bool{}}
	judged.known(command, words)
	return errors.Join(judged.problems...)
}

// known are the words of a line without the flags that the command does not have, or
// that want a value and have none.
func (j *judgement) known(command *cobra.Command, words []string) []string {
	command.InitDefaultHelpFlag() // and the flags of the commands above
	var names, kept []string
	command.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	for i := 0; i < len(words); i++ {
		name, _, valued := strings.Cut(words[i], "=")
		if name == "--" {
			return append(kept, words[i:]...)
		}
		given := command.Flags().Lookup(strings.TrimPrefix(name, "--"))
		if len(name) > 1 && name[0] == '-' && name[1] != '-' {
			given = command.Flags().ShorthandLookup(name[1:2])
		}
		last := i+1 == len(words)
		switch {
		case len(name) < 2 || name[0] != '-':
			kept = append(kept, words[i])
		case given == nil:
			j.note(name, fmt.Errorf("unknown flag: %s%s", name, Suggest(name, names...)))
			if !valued && !last && !strings.HasPrefix(words[i+1], "-") {
				i++
			}
		case valued || given.NoOptDefVal != "":
			kept = append(kept, words[i])
		case last:
			j.note(given.Name, fmt.Errorf("--%s: want a value, got none", given.Name))
		default:
			kept = append(kept, words[i], words[i+1])
			i++
		}
	}
	return kept
}

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
			f.note(f.name, fmt.Errorf("--%s: want a value, got an empty one; leave the flag out if that is meant", f.name))
			return nil
		}
	}
	if f.given && !list {
		f.note(f.name, fmt.Errorf("--%s: want it once, got it again with %q", f.name, text))
		return nil
	}
	f.given = true
	if err := f.Value.Set(text); err != nil {
		want := map[string]string{"duration": "a duration such as 90s or 1h", "int": "a whole number", "bool": "true or false"}[f.Type()]
		f.note(f.name, fmt.Errorf("--%s: want %s, got %q", f.name, cmp.Or(want, f.Type()), text))
	}
	return nil
}
