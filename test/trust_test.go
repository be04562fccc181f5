package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/assembly"
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
	built, err := assembly.Read(dir)
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
			if r.Properties["RoleName"] == env.PipelineRole(task) {
				return r
			}
		}
	}
	require.Failf(t, "no such role", "%s", env.PipelineRole(task))
	return resource{}
}

func TestNoFindingOnWhomTheAccountTrusts(t *testing.T) {
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

func TestEachTaskIsTrustedFromItsOwnPlace(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		github := env.Site.GitHub
		main := "ref:refs/heads/" + github.Branch
		for task, want := range map[string]map[string]any{
			config.PipelinePlan:       {"sub": github.Platform.Subject("pull_request")},
			config.PipelineWatch:      {"sub": github.Platform.Subject(main)},
			config.PipelinePrepare:    {"sub": github.Platform.Subject(main)},
			config.PipelineMigrations: {"sub": github.Platform.Subject(main)},
			config.PipelineService:    {"sub": github.Service.Subject(main)},
			config.PipelineDeploy:     {"sub": github.Platform.Subject("environment:" + env.Name), "ref": "refs/heads/" + github.Branch},
		} {
			role := pipelineRole(t, env.Environment, task)
			asked, _ := at(role.Properties, "AssumeRolePolicyDocument", "Statement", 0, "Condition", "StringEquals").(map[string]any)
			got := map[string]any{}
			for key, value := range asked {
				got[strings.TrimPrefix(key, config.GitHubIssuer+":")] = value
			}
			want["aud"] = "sts.amazonaws.com"
			assert.Equal(t, want, got, task)
		}
	})
}

// allowed are the actions of a role, each with its resources.
func allowed(r resource) map[string][]string {
	found := map[string][]string{}
	policies, _ := r.Properties["Policies"].([]any)
	for _, policy := range policies {
		statements, _ := at(policy, "PolicyDocument", "Statement").([]any)
		for _, s := range statements {
			for _, action := range texts(at(s, "Action")) {
				found[action] = append(found[action], texts(at(s, "Resource"))...)
			}
		}
	}
	return found
}

// texts is one text or a list of them.
func texts(value any) []string {
	if text, ok := value.(string); ok {
		return []string{text}
	}
	var all []string
	list, _ := value.([]any)
	for _, entry := range list {
		all = append(all, fmt.Sprint(entry))
	}
	return all
}

func TestADeploymentTakesTheRolesOfTheBootstrapAndNothingElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		arn := func(role, region string) string {
			return fmt.Sprintf("arn:aws:iam::%[1]s:role/cdk-hnb659fds-%[2]s-role-%[1]s-%[3]s", env.Site.Account, role, region)
		}
		assert.Equal(t, map[string][]string{"sts:AssumeRole": {
			arn("deploy", "sa-east-1"), arn("deploy", "us-east-1"),
			arn("file-publishing", "sa-east-1"), arn("file-publishing", "us-east-1"),
			arn("lookup", "sa-east-1"), arn("lookup", "us-east-1"),
		}, "ecs:StopServiceDeployment": { // of this environment's service alone
			"arn:aws:ecs:sa-east-1:" + env.Site.Account + ":service-deployment/wallet-" + env.Name + "/wallet-service/*",
			"arn:aws:ecs:us-east-1:" + env.Site.Account + ":service-deployment/wallet-" + env.Name + "/wallet-service/*",
		}}, allowed(pipelineRole(t, env.Environment, config.PipelineDeploy)))
		assert.Equal(t, map[string][]string{"sts:AssumeRole": {arn("lookup", "sa-east-1"), arn("lookup", "us-east-1")}},
			allowed(pipelineRole(t, env.Environment, config.PipelineWatch)))
	})
}

// A pull request runs code that nobody has read.
func TestAPullRequestReadsTemplatesAndNothingElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		own := []string{
			"arn:aws:cloudformation:sa-east-1:" + env.Site.Account + ":stack/wallet-" + env.Name + "-*/*",
			"arn:aws:cloudformation:us-east-1:" + env.Site.Account + ":stack/wallet-" + env.Name + "-*/*",
		}
		assert.Equal(t, map[string][]string{"cloudformation:DescribeStacks": own, "cloudformation:GetTemplate": own},
			allowed(pipelineRole(t, env.Environment, config.PipelinePlan)))
	})
}

// A change set that its maker can execute needs nobody's approval.
func TestWhatIsPreparedIsNotExecutedWithoutApproval(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		may := allowed(pipelineRole(t, env.Environment, config.PipelinePrepare))
		assert.Contains(t, may, "cloudformation:CreateChangeSet")
		for _, action := range []string{
			"cloudformation:ExecuteChangeSet", "cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:DeleteStack",
			"cloudformation:RollbackStack", "cloudformation:ContinueUpdateRollback",
		} {
			assert.NotContains(t, may, action)
		}
		for _, taken := range may["sts:AssumeRole"] {
			assert.NotContains(t, taken, "-deploy-role-", "it executes change sets")
			assert.NotContains(t, taken, "-cfn-exec-role-")
		}
		for _, handed := range may["iam:PassRole"] {
			assert.Contains(t, handed, "role/cdk-hnb659fds-cfn-exec-role-"+env.Site.Account)
		}
	})
}

func TestNobodyPushesImagesToAnothersRepository(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for task, repository := range map[string]string{
			config.PipelineService:    env.ServiceRepository(),
			config.PipelineMigrations: env.MigrationsRepository(),
		} {
			for action, resources := range allowed(pipelineRole(t, env.Environment, task)) {
				if action == "ecr:GetAuthorizationToken" {
					continue // says who asks, and knows no repository
				}
				assert.Regexp(t, `^ecr:[A-Z][A-Za-z]+$`, action, task)
				assert.Equal(t, []string{"arn:aws:ecr:sa-east-1:" + env.Site.Account + ":repository/" + repository}, resources, "%s %s", task, action)
				assert.NotContains(t, action, "Delete", task)
			}
		}
	})
}

func TestNoCredentialsOutliveTheirTask(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, task := range []string{config.PipelinePlan, config.PipelineWatch, config.PipelinePrepare, config.PipelineService, config.PipelineMigrations} {
			assert.EqualValues(t, 3600, pipelineRole(t, env.Environment, task).Properties["MaxSessionDuration"], task)
		}
		assert.EqualValues(t, env.Pipeline.DeploySession.Seconds(), pipelineRole(t, env.Environment, config.PipelineDeploy).Properties["MaxSessionDuration"])
	})
}

// CloudFormation's role is an administrator; the boundary is what keeps a
// deployment from letting others in.
func TestADeploymentCannotChangeWhomTheAccountTrusts(t *testing.T) {
	for _, stack := range trust(t) {
		boundary := stack.only(t, "AWS::IAM::ManagedPolicy")
		assert.Equal(t, "wallet-deployment-boundary", boundary.Properties["ManagedPolicyName"])
		denied := map[string][]string{}
		statements, _ := at(boundary.Properties, "PolicyDocument", "Statement").([]any)
		for _, s := range statements {
			if at(s, "Effect") == "Deny" {
				for _, action := range texts(at(s, "Action")) {
					denied[action] = texts(at(s, "Resource"))
				}
			}
		}
		for _, r := range stack.ofType("AWS::IAM::Role") {
			arn := "arn:aws:iam::" + stack.account + ":role/" + fmt.Sprint(r.Properties["RoleName"])
			assert.Truef(t, slices.ContainsFunc(denied["iam:*"], func(pattern string) bool {
				return strings.HasPrefix(arn, strings.TrimSuffix(pattern, "*"))
			}), "%s may be changed by a deployment", arn)
		}
		for _, resource := range []string{"oidc-provider/token.actions.githubusercontent.com", "policy/wallet-deployment-boundary", "role/cdk-hnb659fds-*"} {
			assert.Contains(t, denied["iam:*"], "arn:aws:iam::"+stack.account+":"+resource)
		}
		for _, action := range []string{"iam:CreateUser", "iam:CreateAccessKey", "iam:CreateOpenIDConnectProvider", "iam:CreateSAMLProvider"} {
			assert.Equal(t, []string{"*"}, denied[action], action)
		}
	}
}

// IAM takes GitHub once in an account: two environments in one account share it,
// and an account where somebody else made it is left as it is.
func TestAnAccountHasGitHubAsItsProviderOnce(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("somebody else's %t", shared), func(t *testing.T) {
			all := config.All()
			for i := range all {
				all[i].Site.Account = all[0].Site.Account
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
