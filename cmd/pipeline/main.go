// Command pipeline tells a workflow what it must know of an environment, so that
// it stands in config/ alone: the account, the role to take for a task, the
// registry, the release. It prints lines of the form key=value, as GitHub Actions
// takes them for a step's outputs.
package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cli"
	"wallet-infra/internal/exit"
)

func main() { cli.Main(newCommand()) }

// options are the command's flags.
type options struct {
	env, task, tag string
	list           bool
	dirs           []string
}

func newCommand() *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "pipeline --env ENV",
		Short: "Print what a workflow must know of an environment",
		Long:  "Print what a workflow must know of an environment.\n\n" + exit.Explain(exit.Done, exit.Refused),
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return o.run(command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.env, "env", "", "the `environment`")
	flags.StringVar(&o.task, "task", "", "the `task` for which a role is taken, such as deploy")
	flags.StringVar(&o.tag, "image-tag", "", "a release's `tag`, which is checked (default: Site.ImageTag)")
	flags.BoolVar(&o.list, "list", false, "print only the names of the environments")
	flags.StringSliceVar(&o.dirs, "stacks", nil, "print only the region and name of each stack of the environment in the synthesis in this `directory`; may be repeated")
	command.MarkFlagsOneRequired("env", "list")
	command.MarkFlagsMutuallyExclusive("env", "list")
	command.MarkFlagsMutuallyExclusive("stacks", "task", "list")
	return command
}

func (o options) run(out io.Writer) error {
	if o.list {
		return printNames(out)
	}
	environments, err := config.Select(config.All(), config.Choice{Env: o.env, ImageTag: o.tag})
	if err != nil {
		return err
	}
	if len(o.dirs) > 0 {
		return printStacks(out, environments[0], o.dirs)
	}
	return printFacts(out, environments[0], o.task)
}

// printNames prints the environments' names, in config's order.
func printNames(out io.Writer) error {
	for _, env := range config.All() {
		if _, err := fmt.Fprintln(out, env.Name); err != nil {
			return err
		}
	}
	return nil
}

// platforms are Docker's names of the architectures.
var platforms = map[string]string{"X86_64": "linux/amd64", "ARM64": "linux/arm64"}

// printFacts prints what a job needs.
func printFacts(out io.Writer, env config.Environment, task string) error {
	session := env.Pipeline.DeploySession
	switch task {
	case config.PipelineDeploy, "":
	case config.PipelinePlan, config.PipelinePrepare, config.PipelineWatch, config.PipelineService, config.PipelineMigrations:
		session = config.PipelineSession
	default:
		return fmt.Errorf("--task: unknown task %q", task)
	}
	registry := fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com", env.Site.Account, env.Primary.Name)
	for _, fact := range []struct{ key, value string }{
		{"account", env.Site.Account},
		{"region", env.Primary.Name},
		{"role", env.Names().PipelineRoleARN(task)},
		{"session", fmt.Sprint(int(session.Seconds()))},
		{"image_tag", env.Site.ImageTag},
		{"platform", platforms[env.Service.Architecture]},
		{"registry", registry},
		{"service_repository", env.Names().ServiceRepository()},
		{"migrations_repository", env.Names().MigrationsRepository()},
		{"collector_repository", env.Names().CollectorRepository()},
		{"collector_source", env.Service.CollectorImage},
		{"collector_digest", env.Service.CollectorDigest()},
		{"api", env.Site.APIDomain},
	} {
		if _, err := fmt.Fprintf(out, "%s=%s\n", fact.key, fact.value); err != nil {
			return err
		}
	}
	return nil
}

// printStacks prints each stack of the environment once, in the order in which
// the syntheses name them.
func printStacks(out io.Writer, env config.Environment, dirs []string) error {
	var lines []string
	for _, dir := range dirs {
		built, err := cfn.Read(dir)
		if err != nil {
			return err
		}
		for _, stack := range built {
			line := stack.Region + " " + stack.Name
			if strings.HasPrefix(stack.Name, env.Names().StackName("")) && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
