package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"
	"github.com/spf13/cobra"

	"wallet-infra/internal/drill"
	"wallet-infra/internal/exit"
)

// following are the flags of a real execution.
type following struct {
	*scope
	arn, region, mode, execution, output string
	approve, acceptEvaluation            bool
}

// newFollow makes the command that starts the real plan, so it asks before it does.
func newFollow(s *scope) *cobra.Command {
	f := &following{scope: s}
	var command *cobra.Command
	command = s.command(task{
		use: "follow", short: "Start the real Region switch plan in an account and follow it",
		statuses: []exit.Status{exit.Done, exit.Refused, exit.Declined, exit.Failed, exit.Interrupted},
		unasked:  func() bool { return f.execution != "" && !f.approve },
		judge:    func() error { return errors.Join(required(command, "plan-arn"), f.judgePlan()) },
	}, f.run)
	flags := command.Flags()
	flags.StringVar(&f.arn, "plan-arn", "", "the plan's `ARN`")
	flags.StringVar(&f.region, "region", "", "the `region` to activate (default: the secondary one)")
	flags.StringVar(&f.mode, "mode", string(types.ExecutionModeGraceful), "`way`: graceful or ungraceful; ungraceful can lose data")
	flags.StringVar(&f.execution, "execution", "", "follow this execution `ID` and start none")
	flags.BoolVar(&f.approve, "approve", false, "ask here for each approval, with your own credentials")
	flags.BoolVar(&f.acceptEvaluation, "accept-evaluation", false, "start although Region switch's own evaluation of the plan warns, is old or cannot be had")
	flags.StringVar(&f.output, "output", "", "the `directory` for the record of the execution (default: the repository's build/drill)")
	flags.DurationVar(&s.wait, "wait", 2*time.Hour, "how long to watch")
	s.takesYes(command)
	return command
}

func (f *following) run(ctx context.Context) error {
	region := cmp.Or(f.region, f.env.Secondary.Name)
	in := bufio.NewReader(f.in)
	if f.execution == "" && !f.yes {
		question := fmt.Sprintf("This starts %s in a real account, %s, and moves the wallet to %s.", f.arn, f.mode, region)
		if err := confirm(f.out, in, question, region); err != nil {
			return err
		}
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(region))
	if err != nil {
		return err
	}
	real := &drill.Following{
		Client: arcregionswitch.NewFromConfig(loaded), PlanARN: f.arn, Region: region,
		Mode: types.ExecutionMode(f.mode), Comment: "started by the drill command", AcceptEvaluation: f.acceptEvaluation,
		Execution: f.execution, Every: lookEvery, Limit: f.wait,
		Say: func(format string, arguments ...any) {
			fmt.Fprintf(f.out, time.Now().UTC().Format(time.TimeOnly)+" "+format+"\n", arguments...)
		},
	}
	if f.approve {
		real.Approve = func(step string) (bool, error) {
			return ask(f.out, in, "Step "+step+" waits for approval; anything else declines it.", "approve")
		}
	}
	followed, err := real.Run(ctx)
	if err != nil && exit.Of(err) == exit.Refused && followed.Execution != "" {
		err = exit.With(exit.Failed, "%w", err)
	}
	if written := writeFollowed(cmp.Or(f.output, filepath.Join(f.dir, "build", "drill")), followed); err == nil {
		err = written
	}
	return err
}

// lookEvery is between two looks at an execution.
const lookEvery = 10 * time.Second

// planARN is the form of a plan's ARN:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapplicationrecoverycontroller-regionswitch.html
var planARN = regexp.MustCompile(`^arn:aws[a-z-]*:arc-region-switch::\d{12}:plan/.+$`)

// judgePlan says what is wrong with the plan and how it is to be run.
func (f *following) judgePlan() error {
	var problems []error
	if !slices.Contains(types.ExecutionMode("").Values(), types.ExecutionMode(f.mode)) {
		problems = append(problems, fmt.Errorf("--mode: want graceful or ungraceful, got %q", f.mode))
	}
	if f.arn != "" && !planARN.MatchString(f.arn) {
		problems = append(problems, fmt.Errorf("--plan-arn: want the ARN of a Region switch plan, got %q", f.arn))
	}
	if known := []string{f.env.Primary.Name, f.env.Secondary.Name}; f.region != "" && !slices.Contains(known, f.region) {
		problems = append(problems, fmt.Errorf("--region: want %s, got %q", strings.Join(known, " or "), f.region))
	}
	return errors.Join(problems...)
}

// errNotStarted is what happens without the word.
var errNotStarted = exit.With(exit.Declined, "nothing was started")

func confirm(out io.Writer, in *bufio.Reader, question, word string) error {
	ok, err := ask(out, in, question, word)
	if err == nil && !ok {
		err = errNotStarted
	}
	return err
}

// ask wants a word typed out, so that no stray key starts a failover.
func ask(out io.Writer, in *bufio.Reader, question, word string) (bool, error) {
	fmt.Fprintf(out, "%s\nType %q to go on: ", question, word)
	answer, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return strings.TrimSpace(answer) == word, nil
}

func writeFollowed(directory string, followed drill.Followed) error {
	if followed.Execution == "" {
		return nil // nothing was started
	}
	content, err := json.MarshalIndent(followed, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "execution-"+followed.Execution+".json"), append(content, '\n'), 0o600)
}
