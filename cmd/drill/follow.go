package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/spf13/cobra"

	"wallet-infra/internal/drill"
	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/plan"
	"wallet-infra/internal/exit"
)

// followOptions are those of a real execution.
type followOptions struct {
	arn, region, mode, execution string
	approve, yes                 bool
	limit                        time.Duration
}

// followCommand is the only one that reaches an account. It starts the real plan,
// so it asks before it does.
func followCommand(o *options) *cobra.Command {
	f := &followOptions{}
	c := &cobra.Command{
		Use: "follow", Short: "Start a real Region switch plan in an account and follow it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c, o.report) },
	}
	flags := c.Flags()
	flags.StringVar(&f.arn, "plan-arn", "", "the plan's `ARN`")
	flags.StringVar(&f.region, "region", "us-east-1", "the `region` to activate")
	flags.StringVar(&f.mode, "mode", string(plan.Graceful), "graceful or ungraceful; ungraceful can lose data")
	flags.StringVar(&f.execution, "execution", "", "follow this execution `ID` and start none")
	flags.BoolVar(&f.approve, "approve", false, "ask here for each approval, with your own credentials")
	flags.BoolVar(&f.yes, "yes", false, "start without asking")
	flags.DurationVar(&f.limit, "limit", 2*time.Hour, "how long to watch")
	_ = c.MarkFlagRequired("plan-arn") // the flag exists
	return c
}

func (f *followOptions) run(c *cobra.Command, directory string) error {
	if err := f.judge(); err != nil {
		return err
	}
	in := bufio.NewReader(c.InOrStdin())
	if f.execution == "" && !f.yes {
		question := fmt.Sprintf("This starts %s in a real account, %s, and moves the wallet to %s.", f.arn, f.mode, f.region)
		if err := confirm(c.OutOrStdout(), in, question, f.region); err != nil {
			return err
		}
	}
	loaded, err := awsconfig.LoadDefaultConfig(c.Context(), awsconfig.WithRegion(f.region))
	if err != nil {
		return err
	}
	following := &drill.Following{
		Client: arcregionswitch.NewFromConfig(loaded), Clock: clock.Real{}, PlanARN: f.arn, Region: f.region,
		Mode: plan.Mode(f.mode), Comment: "started by the drill command", Execution: f.execution, Limit: f.limit,
		Say: func(format string, arguments ...any) {
			fmt.Fprintf(c.OutOrStdout(), time.Now().UTC().Format(time.TimeOnly)+" "+format+"\n", arguments...)
		},
	}
	if f.approve {
		following.Approve = func(step string) (bool, error) {
			return ask(c.OutOrStdout(), in, "Step "+step+" waits for approval; anything else declines it.", "approve")
		}
	}
	followed, err := following.Run(c.Context())
	if err != nil && exit.Of(err) == exit.Refused && followed.Execution != "" {
		err = exit.With(exit.Failed, "%w", err)
	}
	if written := writeFollowed(directory, followed); err == nil {
		err = written
	}
	return err
}

// planARN is the form of a plan's ARN:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapplicationrecoverycontroller-regionswitch.html
var planARN = regexp.MustCompile(`^arn:aws[a-z-]*:arc-region-switch::\d{12}:plan/.+$`)

// judge says all that is wrong with the flags, before anybody is asked anything.
func (f *followOptions) judge() error {
	var problems []error
	if f.mode != string(plan.Graceful) && f.mode != string(plan.Ungraceful) {
		problems = append(problems, fmt.Errorf("--mode: want graceful or ungraceful, got %q", f.mode))
	}
	if !planARN.MatchString(f.arn) {
		problems = append(problems, fmt.Errorf("--plan-arn: want the ARN of a Region switch plan, got %q", f.arn))
	}
	if f.limit < 0 {
		problems = append(problems, fmt.Errorf("--limit: want no less than 0s, got %s", f.limit))
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
