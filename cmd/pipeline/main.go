// Command pipeline tells a workflow what it must know of an environment, so that
// it stands in config/ alone: the account, the role to take for a task, the
// registry, the release. It prints lines of the form key=value, as GitHub Actions
// takes them for a step's outputs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"wallet-infra/config"
	"wallet-infra/internal/assembly"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "pipeline: %v\n", err)
		os.Exit(1)
	}
}

// run reads the command line and prints.
func run(arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("pipeline", flag.ContinueOnError)
	name := flags.String("env", "", "the `environment`")
	task := flags.String("task", "", "the `task` for which a role is taken, such as deploy")
	tag := flags.String("image-tag", "", "a release, which is checked; empty takes config's")
	list := flags.Bool("list", false, "print only the names of the environments")
	var dirs []string
	flags.Func("stacks", "print only the region and name of each stack of the environment in the synthesis in this `directory`; may be repeated",
		func(dir string) error {
			dirs = append(dirs, dir)
			return nil
		})
	if err := flags.Parse(arguments); err != nil {
		return err // the flag package has printed the usage
	}
	if *list {
		return printNames(out)
	}
	if *name == "" || flags.NArg() > 0 {
		return fmt.Errorf("want -env ENV and no argument, got %q", flags.Args())
	}
	environments, err := config.Select(config.All(), config.Choice{Env: *name, ImageTag: *tag})
	if err != nil {
		return err
	}
	if len(dirs) > 0 {
		return printStacks(out, environments[0], dirs)
	}
	return printFacts(out, environments[0], *task)
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
		return fmt.Errorf("-task: unknown task %q", task)
	}
	registry := fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com", env.Site.Account, env.Primary.Name)
	for _, fact := range []struct{ key, value string }{
		{"account", env.Site.Account},
		{"region", env.Primary.Name},
		{"role", env.PipelineRoleARN(task)},
		{"session", fmt.Sprint(int(session.Seconds()))},
		{"image_tag", env.Site.ImageTag},
		{"platform", platforms[env.Service.Architecture]},
		{"registry", registry},
		{"service_repository", env.ServiceRepository()},
		{"migrations_repository", env.MigrationsRepository()},
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
		built, err := assembly.Read(dir)
		if err != nil {
			return err
		}
		for _, stack := range built {
			line := stack.Region + " " + stack.Name
			if strings.HasPrefix(stack.Name, env.StackName("")) && !slices.Contains(lines, line) {
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
