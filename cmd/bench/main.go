// Command bench measures what a developer waits for: builds, synthesis, tests
// and how synthesis grows with the number of environments. It writes the table
// into docs/PERFORMANCE.md, between two markers.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/jsii-runtime-go"
	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
	"wallet-infra/stacks"
)

const (
	document    = "docs/PERFORMANCE.md"
	beginMarker = "<!-- bench:begin -->"
	endMarker   = "<!-- bench:end -->"
)

func main() { cli.Main(newCommand()) }

func newCommand() *cobra.Command {
	var runs, synth int
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure what a developer waits for, and rewrite " + document,
		Long:  "Measure what a developer waits for, and rewrite " + document + ".\n\n" + exit.Explain(exit.Done, exit.Refused),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case runs < 1 || synth < 0:
				return fmt.Errorf("--runs and --synth: want at least 1 and 0, got %d and %d", runs, synth)
			case synth > 0:
				return synthesize(synth)
			}
			return report(runs)
		},
	}
	command.Flags().IntVar(&runs, "runs", 5, "how many `times` each figure is measured; the median is reported")
	command.Flags().IntVar(&synth, "synth", 0, "internal: synthesize this `number` of environments and exit")
	return command
}

// synthesize builds copies of the committed environments, each under a name and
// an account of its own.
func synthesize(count int) error {
	defer jsii.Close()
	context, err := config.ReadContext("cdk.json", nil)
	if err != nil {
		return err
	}
	out, err := os.MkdirTemp("", "wallet-infra-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)
	models := config.All()
	var environments []config.Environment
	for i := range count {
		env := models[i%len(models)]
		if i >= len(models) {
			env.Name = fmt.Sprintf("%s%d", env.Name, i)
			env.Site.Account = fmt.Sprintf("%012d", 300_000_000_000+i)
		}
		environments = append(environments, env)
	}
	stacks.NewApp(context, out, environments).Synth(nil)
	return nil
}

// figure is one line of the report.
type figure struct {
	name     string
	duration time.Duration
	peakMiB  int // of the process and all its children together; 0 where it says nothing
}

// report measures everything and rewrites the table.
func report(runs int) error {
	work, err := os.MkdirTemp("", "wallet-infra-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	steps, err := steps(work)
	if err != nil {
		return err
	}
	var figures []figure
	for _, step := range steps {
		measured, err := step.median(runs)
		if err != nil {
			return err
		}
		fmt.Printf("%-55s %8.2f s %6d MiB\n", measured.name, measured.duration.Seconds(), measured.peakMiB)
		figures = append(figures, measured)
	}
	return rewrite(document, table(figures, runs))
}

// step is one thing to measure.
type step struct {
	name    string
	once    bool // too slow to repeat
	prepare func() error
	command func() *exec.Cmd
}

// steps lists what is measured. The binaries go to work.
func steps(work string) ([]step, error) {
	app, self := filepath.Join(work, "app"), filepath.Join(work, "bench")
	build := func(out, pkg string, env ...string) *exec.Cmd {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
	if err := build(self, "./cmd/bench").Run(); err != nil {
		return nil, fmt.Errorf("go build ./cmd/bench: %w", err)
	}
	synth := func(env ...string) func() *exec.Cmd {
		return func() *exec.Cmd {
			cmd := exec.Command(app, "-c", "env=production")
			if slices.Contains(env, "ALL") {
				cmd = exec.Command(app)
			}
			cmd.Env = append(os.Environ(), append(env, "CDK_OUTDIR="+filepath.Join(work, "out"))...)
			return cmd
		}
	}
	list := []step{
		{name: "first build, empty build cache", once: true, command: func() *exec.Cmd {
			return build(app, ".", "GOCACHE="+filepath.Join(work, "cache"))
		}},
		{name: "incremental build after a change in stacks/", prepare: touch, command: func() *exec.Cmd { return build(app, ".") }},
		{name: "one environment, without validation", command: synth("CDK_VALIDATION=false")},
		{name: "one environment, validated", command: synth()},
		{name: "both environments, without validation", command: synth("ALL", "CDK_VALIDATION=false")},
		{name: "both environments, validated", command: synth("ALL")},
		{name: "go test ./..., warm", command: func() *exec.Cmd { return exec.Command("go", "test", "-count=1", "./...") }},
	}
	for _, count := range []int{1, 2, 4, 8, 16} {
		list = append(list, step{name: fmt.Sprintf("%d environments, without validation", count), command: func() *exec.Cmd {
			cmd := exec.Command(self, "--synth", fmt.Sprint(count))
			cmd.Env = append(os.Environ(), "CDK_VALIDATION=false")
			return cmd
		}})
	}
	return list, nil
}

// touch makes the next build compile stacks/ again and link a new binary: the
// variable is read, so that the linker cannot leave it out.
func touch() error {
	const source = "package stacks\n\nvar benchStamp int64 = %d\n\nfunc init() {\n\tif benchStamp == 0 {\n\t\tpanic(benchStamp)\n\t}\n}\n"
	content := fmt.Sprintf(source, time.Now().UnixNano())
	return os.WriteFile("stacks/zz_bench.go", []byte(content), 0o600)
}

// median runs the step and returns its middle duration and highest memory.
func (s step) median(runs int) (figure, error) {
	if s.once {
		runs = 1
	}
	var durations []time.Duration
	peak := 0
	for range runs {
		if s.prepare != nil {
			if err := s.prepare(); err != nil {
				return figure{}, err
			}
		}
		duration, used, err := measure(s.command())
		if err != nil {
			return figure{}, fmt.Errorf("%s: %w", s.name, err)
		}
		durations, peak = append(durations, duration), max(peak, used)
	}
	if err := os.Remove("stacks/zz_bench.go"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return figure{}, err
	}
	slices.Sort(durations)
	return figure{name: s.name, duration: durations[len(durations)/2], peakMiB: peak}, nil
}

// rewrite puts the table between the document's markers.
func rewrite(path, table string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(content), beginMarker)
	_, after, ended := strings.Cut(rest, endMarker)
	if !found || !ended {
		return fmt.Errorf("%s: want the markers %s and %s", path, beginMarker, endMarker)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s%s\n\n%s\n%s%s", before, beginMarker, table, endMarker, after)
	return os.WriteFile(path, out.Bytes(), 0o644) //nolint:gosec // a document that everyone may read
}
