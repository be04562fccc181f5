// Command deliver deploys an environment, migrates its database, returns to an
// earlier release and removes it. The scripts in scripts/ run it; it runs the
// same on a laptop and in a pipeline.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"wallet-infra/internal/cli"
	"wallet-infra/internal/delivery"
	"wallet-infra/internal/exit"
)

func main() {
	cli.Main(newCommand(os.Stdin, isatty.IsTerminal(os.Stdin.Fd())))
}

// flags are the options that several commands have.
type flags struct {
	root, cdk, imageTag string
	asCaller, yes       bool
	wait                time.Duration

	in       io.Reader
	terminal bool
}

// newCommand makes the command line.
func newCommand(in io.Reader, terminal bool) *cobra.Command {
	f := flags{in: in, terminal: terminal}
	root := &cobra.Command{
		Use:   "deliver",
		Short: "Deploy, migrate, roll back and remove an environment of the wallet platform",
	}
	shared := root.PersistentFlags()
	shared.StringVar(&f.root, "root", ".", "the repository's root `directory`")
	shared.StringVar(&f.cdk, "cdk", "", "the CDK CLI's `path` (default: the pinned one in node_modules)")
	shared.BoolVar(&f.asCaller, "as-caller", false, "read with your own permissions, not through the bootstrap's lookup role")
	root.AddCommand(newDeploy(&f), newDestroy(&f), newMigrate(&f), newRollback(&f), newStatus(&f), newPassword(&f), newRestore(&f))
	return root
}

// session opens the environment that a command line names.
func (f *flags) session(ctx context.Context, out io.Writer, name string) (*delivery.Session, error) {
	env, err := delivery.Select(name, f.imageTag)
	if f.wait < 0 {
		err = errors.Join(fmt.Errorf("--wait: want no less than 0s, got %s", f.wait), err)
	}
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(f.root)
	if err != nil {
		return nil, err
	}
	cdk := f.cdk
	if cdk == "" {
		cdk = filepath.Join(root, "node_modules", ".bin", "cdk")
	}
	session, err := delivery.NewSession(ctx, env,
		delivery.Console{Out: out, In: bufio.NewReader(f.in), Terminal: f.terminal},
		delivery.CDK{Path: cdk, Dir: root, Out: out}, f.asCaller)
	if err != nil {
		return nil, err
	}
	session.Wait = f.wait
	return session, nil
}

// statuses are those that a command ends with: all of them look, most of them change
// something, and two run the migration task.
func statuses(command string) []exit.Status {
	some := []exit.Status{exit.Done, exit.Refused, exit.Broken, exit.Interrupted}
	if command != "status" {
		some = append(some, exit.Declined, exit.Failed)
	}
	if command == "deploy" || command == "rollback" {
		some = append(some, exit.Stale)
	}
	if command == "migrate" || command == "rollback" {
		some = append(some, exit.SchemaTooNew, exit.HalfWay, exit.Locked, exit.Contract,
			exit.MigrationFailed, exit.MigrationInvalid, exit.ReadOnly)
	}
	return some
}

// command makes one command, which takes the environment's name alone.
func (f *flags) command(use, short, long string, run func(context.Context, *delivery.Session) error) *cobra.Command {
	return &cobra.Command{
		Use:   use + " ENV",
		Short: short,
		Long:  short + ".\n\n" + strings.TrimSpace(long) + "\n\n" + exit.Explain(statuses(use)...),
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return fmt.Errorf("want the name of one environment, got %q (--help explains)", arguments)
			}
			return nil
		},
		RunE: func(command *cobra.Command, arguments []string) error {
			session, err := f.session(command.Context(), command.OutOrStdout(), arguments[0])
			if err != nil {
				return err
			}
			return run(command.Context(), session)
		},
	}
}
