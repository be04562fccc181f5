// Command migrate changes the schema of the wallet's database. It is the entry
// point of the image in the repository of migrations, which has the same tag as the
// service's image that it belongs to.
//
// It connects with DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USERNAME
// and DATABASE_PASSWORD, over TLS, to a server that proves its name with a
// certificate of AWS_REGION's authorities (config/cabundle). DATABASE_READER, if it
// is there, is asked where nobody answers at DATABASE_HOST. RELEASE is the image's tag.
//
// Its exit statuses are those of package exit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"wallet-infra/cmd/migrate/migrations"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

func main() {
	// ECS stops a task with SIGTERM: the server is told to end the statement that runs.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(int(status))
}

// run is the whole program.
func run(ctx context.Context, arguments []string, getenv func(string) string, out, errs io.Writer) exit.Status {
	a := &app{getenv: getenv, out: out}
	root := a.root()
	root.SetOut(out)
	root.SetErr(errs)
	err := cli.Execute(ctx, root, arguments)
	status := migrations.StatusOf(err)
	if err != nil && !a.begun { // cobra refused the command line
		status = exit.MigrationInvalid
	}
	if err != nil {
		// No error is known to quote the password; one of a library might.
		message := err.Error()
		if password := getenv("DATABASE_PASSWORD"); password != "" {
			message = strings.ReplaceAll(message, password, "***")
		}
		fmt.Fprintln(errs, "migrate: "+message)
	}
	return status
}

// app is what the commands share.
type app struct {
	getenv    func(string) string
	out       io.Writer
	begun     bool // the command line was understood
	directory string
	authority string
	lockWait  time.Duration
	tableWait time.Duration
	limit     time.Duration // of the whole command, 0 for none
	serving   []string
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "migrate", Short: "Change the schema of the wallet's database",
		Long: "Change the schema of the wallet's database, forward only.\n\n" +
			exit.Explain(exit.Done, exit.SchemaTooNew, exit.HalfWay, exit.Locked, exit.Contract, exit.MigrationFailed, exit.MigrationInvalid, exit.ReadOnly),
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.directory, "dir", "/migrations", "directory of the migrations")
	flags.StringVar(&a.authority, "ca", "", "file with the certificates that the server's is signed by, in place of the region's")
	flags.DurationVar(&a.limit, "give-up-after", 0, "tell the server to end the statement that runs when this time is over; 0 for never")
	flags.DurationVar(&a.lockWait, "lock-wait", 5*time.Minute, "how long to wait for another migration's end")
	// MySQL's own limit is a year, and whoever needs the table waits behind.
	flags.DurationVar(&a.tableWait, "table-wait", 20*time.Second, "how long a statement may wait for a table that others use")
	root.AddCommand(a.up(), a.status(), a.check(), a.repair())
	return root
}

func (a *app) up() *cobra.Command {
	up := &cobra.Command{
		Use: "up", Short: "Run what is to run, unless the schema refuses this release", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := cmd.Context(), context.CancelFunc(func() {})
			if a.limit > 0 {
				ctx, cancel = context.WithTimeoutCause(ctx, a.limit, fmt.Errorf("the limit of %s is over", a.limit))
			}
			defer cancel()
			return a.with(func(r migrations.Runner) error { return r.Up(ctx) })
		},
	}
	up.Flags().StringArrayVar(&a.serving, "serving", nil, "tag of a release that serves now; may be repeated; \"none\" if none does. Without it a contract is refused")
	return up
}

func (a *app) check() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Say what up would do, with its exit status, and change nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(func(r migrations.Runner) error { return r.Check(cmd.Context()) })
		},
	}
}

func (a *app) status() *cobra.Command {
	var asJSON bool
	status := &cobra.Command{
		Use: "status", Short: "Show the schema's version and this release's migrations", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(func(r migrations.Runner) error {
				report, err := r.Report(cmd.Context())
				switch {
				case err != nil:
					return err
				case asJSON:
					return report.PrintJSON(a.out)
				}
				return report.Print(a.out)
			})
		},
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return status
}

func (a *app) repair() *cobra.Command {
	var version int
	var applied, notApplied bool
	repair := &cobra.Command{
		Use: "repair", Short: "Clear the mark of a migration that stopped half-way", Args: cobra.NoArgs,
		Long: "Clear the mark of a migration that stopped half-way, after a person has compared the schema with its statement.\n" +
			"MySQL does one statement wholly or not at all: say which of the two you saw.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(func(r migrations.Runner) error { return r.Repair(cmd.Context(), version, applied) })
		},
	}
	flags := repair.Flags()
	flags.IntVar(&version, "version", 0, "the version that is marked")
	flags.BoolVar(&applied, "applied", false, "all of it is in the schema")
	flags.BoolVar(&notApplied, "not-applied", false, "nothing of it is in the schema, and up will run it again")
	_ = repair.MarkFlagRequired("version") // it fails for a flag that is not there
	repair.MarkFlagsOneRequired("applied", "not-applied")
	repair.MarkFlagsMutuallyExclusive("applied", "not-applied")
	return repair
}

// limits are those of a task that ECS stops: it kills the program two minutes after it
// has told it to stop (stopTimeout, at most 120 s on Fargate), and by then the server
// has ended the statement and the outcome is written, or nobody knows it. A change of
// the region that writes is in the other one in about a second.
var limits = migrations.Limits{
	Connect: 30 * time.Second, Stop: time.Minute, Settle: 45 * time.Second, Follow: time.Minute, Pause: 2 * time.Second,
}

// servingNow is what the flags say of the releases that serve. No release is called
// none (config refuses the tag).
func servingNow(tags []string) (migrations.Serving, error) {
	found := migrations.Serving{Known: len(tags) > 0}
	for _, tag := range tags {
		switch {
		case tag == "" || tag == "none" && len(tags) > 1:
			return found, fmt.Errorf("--serving: want the tags of releases, or none alone, got %q", tags)
		case tag != "none":
			found.Releases = append(found.Releases, tag)
		}
	}
	return found, nil
}

// with prepares a runner, and says all that is wrong with the migrations and with
// the environment before it connects.
func (a *app) with(do func(migrations.Runner) error) error {
	a.begun = true
	set, setErr := migrations.Read(os.DirFS(a.directory))
	if setErr != nil {
		setErr = fmt.Errorf("the migrations in %s:\n%w", a.directory, setErr)
	}
	target, targetErr := a.target()
	serving, servingErr := servingNow(a.serving)
	if err := errors.Join(setErr, targetErr, servingErr); err != nil {
		return exit.With(exit.MigrationInvalid, "%w", err)
	}
	writer, reader, err := target.open()
	if err != nil {
		return exit.With(exit.MigrationInvalid, "%w", err)
	}
	defer writer.Close()
	if reader != nil {
		defer reader.Close()
	}
	waits := limits
	waits.Lock = a.lockWait
	return do(migrations.Runner{
		Set: set, DB: writer, Reader: reader, Database: target.database, Release: a.getenv("RELEASE"), Serving: serving, Limits: waits, Now: time.Now,
		Logf: func(format string, values ...any) { fmt.Fprintf(a.out, "migrate: "+format+"\n", values...) },
	})
}
