package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wallet-infra/config"
	"wallet-infra/internal/exit"
)

// tasks are those for which a workflow takes a role, with how long it may have it.
var tasks = []string{
	config.PipelineDeploy, config.PipelinePlan, config.PipelinePrepare, config.PipelineWatch,
	config.PipelineService, config.PipelineMigrations,
}

// platforms are Docker's names of the architectures.
var platforms = map[string]string{"X86_64": "linux/amd64", "ARM64": "linux/arm64"}

func newPipeline(s *scope) *cobra.Command {
	var role string
	command := s.command(task{
		use: "pipeline", short: "Print what a workflow must know of an environment", long: `
The account, the role to take for a task, the registry, the release: so that they stand
in config/ alone. It prints key=value, as GitHub Actions takes a step's outputs.`,
		statuses: []exit.Status{exit.Done, exit.Refused},
		judge: func() error {
			if !slices.Contains(tasks, role) {
				return fmt.Errorf("--task: want one of %s, got %q", strings.Join(tasks, ", "), role)
			}
			return nil
		},
	}, func(context.Context) error {
		facts := pipelineFacts(s.env, role)
		if s.json {
			object := map[string]string{}
			for _, fact := range facts {
				object[fact.key] = fact.value
			}
			return printJSON(s.out, object)
		}
		for _, fact := range facts {
			if _, err := fmt.Fprintf(s.out, "%s=%s\n", fact.key, fact.value); err != nil {
				return err
			}
		}
		return nil
	})
	command.Flags().StringVar(&role, "task", config.PipelineDeploy, "the `task` for which a role is taken")
	takes(command, s.takesImageTag, s.takesJSON)
	return command
}

// fact is one thing that a job must know.
type fact struct{ key, value string }

// pipelineFacts are what a job with a task needs.
func pipelineFacts(env config.Environment, task string) []fact {
	session := config.PipelineSession
	if task == config.PipelineDeploy {
		session = env.Pipeline.DeploySession
	}
	names := env.Names()
	return []fact{
		{"account", env.Site.Account},
		{"region", env.Primary.Name},
		{"role", names.PipelineRoleARN(task)},
		{"session", fmt.Sprint(int(session.Seconds()))},
		{"image_tag", env.Site.ImageTag},
		{"platform", platforms[env.Service.Architecture]},
		{"registry", fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com", env.Site.Account, env.Primary.Name)},
		{"service_repository", names.ServiceRepository()},
		{"migrations_repository", names.MigrationsRepository()},
		{"collector_repository", names.CollectorRepository()},
		{"collector_source", env.Service.CollectorImage},
		{"collector_digest", env.Service.CollectorDigest()},
		{"api", env.Site.APIDomain},
	}
}
