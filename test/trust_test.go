package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/stacks"
)

// identityApp is the app of cmd/identity, synthesized once: the stacks that say
// whom the accounts trust. A template that CloudFormation Validate refuses ends
// the synthesis with its report.
var identityApp = sync.OnceValues(func() (identities, error) {
	return synthesizeIdentity(config.All())
})

// identities are the stacks of the identity app.
type identities struct {
	stacks   []template
	manifest string // of the assembly, as it is written
}

func synthesizeIdentity(environments []config.Environment) (identities, error) {
	context, err := config.ReadContext("../cdk.json", nil)
	if err != nil {
		return identities{}, err
	}
	dir, err := os.MkdirTemp("", "wallet-identity-")
	if err != nil {
		return identities{}, err
	}
	defer os.RemoveAll(dir)
	if err := refusal(func() {
		app := stacks.NewIdentityApp(context, dir, environments, environments)
		inspect(app)
		app.Synth(nil)
	}); err != nil {
		return identities{}, err
	}
	built, err := cfn.Read(dir)
	if err != nil {
		return identities{}, err
	}
	var found identities
	for _, stack := range built {
		found.stacks = append(found.stacks, read(stack))
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	found.manifest = string(manifest)
	return found, err
}

// trust are the stacks that say whom the accounts trust.
func trust(t *testing.T) []template {
	t.Helper()
	app, err := identityApp()
	require.NoError(t, err)
	require.NotEmpty(t, app.stacks)
	return app.stacks
}

// pipelineRole finds the role that a workflow takes for a task.
func pipelineRole(t *testing.T, env config.Environment, task string) resource {
	t.Helper()
	for _, stack := range trust(t) {
		if stack.account != env.Site.Account {
			continue
		}
		for _, r := range stack.ofType("AWS::IAM::Role") {
			if r.Properties["RoleName"] == env.Names().PipelineRole(task) {
				return r
			}
		}
	}
	require.Failf(t, "no such role", "%s", env.Names().PipelineRole(task))
	return resource{}
}

func TestNoFindingOnWhomTheAccountTrusts(t *testing.T) {
	t.Parallel()
	app, err := identityApp()
	require.NoError(t, err)
	for _, stack := range app.stacks {
		for _, note := range stack.notes {
			refuse(t, note.Level == noteError || note.Level == noteWarning, "%s: %v", note.Construct, note.Text)
		}
		used := usedAcknowledgements(stack)
		assert.NotEmpty(t, used, "cdk-nag did not run")
		for _, given := range acknowledgements(t, stack) {
			for _, finding := range given.findings() {
				assert.Truef(t, slices.ContainsFunc(used, finding.covers), "%s %s: nothing is found any more (%s)", given.ID, finding.what, given.Reason)
			}
		}
	}
}

// What the pipeline deploys must not say who may use the pipeline.
func TestThePipelineCannotDeployItsOwnTrust(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			assert.NotEqual(t, config.IdentityStackName(), stack.name)
			assert.Empty(t, stack.ofType("AWS::IAM::OIDCProvider"), stack.name)
			assert.NotContains(t, string(stack.raw), config.GitHubIssuer, stack.name)
		}
	})
	app, err := identityApp()
	require.NoError(t, err)
	assert.NotContains(t, app.manifest, "assumeRoleArn", "the CLI would deploy it with a role that the pipeline has")
	assert.NotContains(t, app.manifest, "cloudFormationExecutionRoleArn", "as above")
	for _, stack := range app.stacks {
		assert.True(t, stack.protected, "a deleted stack locks the pipeline out")
	}
}

// everyTrust visits the trust of each role of the identity app.
func everyTrust(t *testing.T, check func(t *testing.T, name string, statement map[string]any)) {
	t.Helper()
	for _, stack := range trust(t) {
		for _, r := range stack.ofType("AWS::IAM::Role") {
			statements, _ := at(r.Properties, "AssumeRolePolicyDocument", "Statement").([]any)
			require.Len(t, statements, 1, r.Properties["RoleName"])
			statement, _ := statements[0].(map[string]any)
			check(t, fmt.Sprint(r.Properties["RoleName"]), statement)
		}
	}
}

// A pattern in a subject, or a condition that is not there, lets every repository
// on GitHub in.
func TestEachRoleTrustsOneExactSubject(t *testing.T) {
	t.Parallel()
	subject := regexp.MustCompile(`^repo:[A-Za-z0-9-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+:(pull_request|ref:refs/heads/[a-z]+|environment:[a-z]+)$`)
	everyTrust(t, func(t *testing.T, name string, statement map[string]any) {
		assert.Equal(t, "Allow", statement["Effect"], name)
		assert.Equal(t, "sts:AssumeRoleWithWebIdentity", statement["Action"], name)
		conditions, _ := statement["Condition"].(map[string]any)
		assert.Equal(t, []string{"StringEquals"}, slices.Collect(maps.Keys(conditions)), "%s: nothing but exact values", name)
		assert.Equal(t, "sts.amazonaws.com", at(conditions, "StringEquals", config.GitHubIssuer+":aud"), name)
		assert.Regexp(t, subject, at(conditions, "StringEquals", config.GitHubIssuer+":sub"), name)
		text, err := json.Marshal(statement)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "*", name)
	})
}

func TestNoCredentialsOutliveTheirTask(t *testing.T) {
	t.Parallel()
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, task := range []string{config.PipelinePlan, config.PipelineWatch, config.PipelinePrepare, config.PipelineService, config.PipelineMigrations} {
			assert.EqualValues(t, 3600, pipelineRole(t, env.Environment, task).Properties["MaxSessionDuration"], task)
		}
		assert.EqualValues(t, env.Pipeline.DeploySession.Seconds(), pipelineRole(t, env.Environment, config.PipelineDeploy).Properties["MaxSessionDuration"])
	})
}

// IAM takes GitHub once in an account: two environments in one account share it,
// and an account where somebody else made it is left as it is.
func TestAnAccountHasGitHubAsItsProviderOnce(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("somebody else's %t", shared), func(t *testing.T) {
			all := config.All()
			for i := range all {
				all[i].Site.Account, all[i].Protected = all[0].Site.Account, false
				all[i].Site.GitHub.SharedProvider = shared
			}
			app, err := synthesizeIdentity(all)
			require.NoError(t, err)
			require.Len(t, app.stacks, 1)
			want := 1
			if shared {
				want = 0
			}
			assert.Len(t, app.stacks[0].ofType("AWS::IAM::OIDCProvider"), want)
			names := map[any]bool{}
			for _, r := range app.stacks[0].ofType("AWS::IAM::Role") {
				names[r.Properties["RoleName"]] = true
			}
			assert.Len(t, names, 6*len(all))
		})
	}
}
