package test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"wallet-infra/config"
	"wallet-infra/internal/changes"
)

// workflow is a file of .github/workflows, as far as the tests read it.
type workflow struct {
	path        string
	On          any               `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency concurrency       `yaml:"concurrency"`
	Defaults    struct {
		Run struct {
			Shell string `yaml:"shell"`
		} `yaml:"run"`
	} `yaml:"defaults"`
	Jobs map[string]job `yaml:"jobs"`
}

type concurrency struct {
	Group            string `yaml:"group"`
	CancelInProgress bool   `yaml:"cancel-in-progress"`
}

type job struct {
	If          string            `yaml:"if"`
	Needs       any               `yaml:"needs"`
	Permissions map[string]string `yaml:"permissions"`
	Environment string            `yaml:"environment"`
	Timeout     int               `yaml:"timeout-minutes"`
	Concurrency concurrency       `yaml:"concurrency"`
	Strategy    struct {
		Matrix map[string][]string `yaml:"matrix"`
	} `yaml:"strategy"`
	Steps []step `yaml:"steps"`
}

type step struct {
	Name string            `yaml:"name"`
	If   string            `yaml:"if"`
	Uses string            `yaml:"uses"`
	Run  string            `yaml:"run"`
	With map[string]string `yaml:"with"`
	Env  map[string]string `yaml:"env"`
}

// workflows reads them all, by file name without its ending.
func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	found := map[string]workflow{}
	for _, path := range paths {
		w := workflow{path: path}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(content, &w), path)
		found[strings.TrimSuffix(filepath.Base(path), ".yml")] = w
	}
	return found
}

// eachJob visits the jobs of every workflow.
func eachJob(t *testing.T, check func(t *testing.T, name string, w workflow, j job)) {
	t.Helper()
	all := workflows(t)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		for _, id := range slices.Sorted(maps.Keys(all[file].Jobs)) {
			name := file + "/" + id
			t.Run(name, func(t *testing.T) {
				defer contained(t)
				check(t, name, all[file], all[file].Jobs[id])
			})
		}
	}
}

// automation are all files that GitHub Actions runs, by path.
func automation(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"../.github/workflows/*.yml", "../.github/actions/*/action.yml", "../.github/scripts/*.sh"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, paths, pattern)
		for _, path := range paths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			found[path] = string(content)
		}
	}
	return found
}

// A tag can be moved to other code, and that code would hold our permissions.
func TestEveryActionIsPinnedByItsCommit(t *testing.T) {
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(\S+)(.*)$`)
	pinned := regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40}$`)
	versions := map[string]string{}
	count := 0
	for path, content := range automation(t) {
		for _, match := range uses.FindAllStringSubmatch(content, -1) {
			action, comment := match[1], strings.TrimSpace(match[2])
			if local, ours := strings.CutPrefix(action, "./"); ours {
				assert.FileExists(t, filepath.Join("..", local, "action.yml"), path)
				continue
			}
			count++
			assert.Regexp(t, pinned, action, path)
			assert.Regexp(t, `^# v\d+\.\d+\.\d+$`, comment, "%s: %s: which version is it?", path, action)
			name, hash, _ := strings.Cut(action, "@")
			if before, known := versions[name]; known {
				assert.Equal(t, before, hash+comment, "%s: two versions of %s", path, name)
			}
			versions[name] = hash + comment
		}
	}
	assert.NotZero(t, count)
}

// mayWrite are the permissions beyond reading, each with its reason.
var mayWrite = map[string]map[string]string{
	"pull-request/deployed": {"id-token": "signs in as plan, which reads templates"},
	"pull-request/comment":  {"pull-requests": "writes the comment, and runs no code of the pull request"},
	"main/staging":          {"id-token": "signs in as deploy"},
	"main/review":           {"id-token": "signs in as prepare, which cannot execute"},
	"main/production":       {"id-token": "signs in as deploy"},
	"rollback/rollback":     {"id-token": "signs in as deploy"},
	"release/push":          {"id-token": "signs in as migrations, which pushes to one repository"},
	"release/propose":       {"contents": "pushes a branch of the release's name; main is protected"},
	"nightly/drift":         {"id-token": "signs in as watch, which reads"},
}

// writtenByHand is the job of which `make update` made another one.
func writtenByHand(name string) string {
	for _, env := range config.All() {
		switch {
		case env.Name == "staging" || env.Name == "production":
		case name == "main/review-"+env.Name:
			return "main/review"
		case name == "main/"+env.Name && env.Protected:
			return "main/production"
		case name == "main/"+env.Name:
			return "main/staging"
		}
	}
	return name
}

func TestNoJobMayMoreThanItsTaskNeeds(t *testing.T) {
	for _, w := range workflows(t) {
		assert.NotNil(t, w.Permissions, "%s: without permissions: {} a job that names none has the repository's default", w.path)
		assert.Empty(t, w.Permissions, w.path)
	}
	seen := map[string]bool{}
	eachJob(t, func(t *testing.T, name string, _ workflow, j job) {
		require.NotEmpty(t, j.Permissions)
		for permission, level := range j.Permissions {
			if level != "read" {
				assert.Equal(t, "write", level)
				assert.NotEmptyf(t, mayWrite[writtenByHand(name)][permission], "%s: give the reason in mayWrite", permission)
				seen[name+permission] = true
			}
		}
	})
	for name, permissions := range mayWrite {
		for permission := range permissions {
			assert.Truef(t, seen[name+permission], "%s does not write %s any more", name, permission)
		}
	}
}

// A long-lived key in a secret is read by whoever changes a workflow.
func TestTheWorkflowsHoldNoSecret(t *testing.T) {
	for path, content := range automation(t) {
		assert.NotContains(t, content, "secrets.", path)
		assert.NotRegexp(t, `(?i)aws[_-](access|secret)[_-]`, content, path)
		assert.NotContains(t, content, "pull_request_target", "%s: it runs a stranger's code with our permissions", path)
		assert.NotContains(t, content, "workflow_run", "%s: as above", path)
	}
	eachJob(t, func(t *testing.T, _ string, _ workflow, j job) {
		for _, s := range j.Steps {
			if strings.HasPrefix(s.Uses, "actions/checkout@") {
				assert.Equal(t, "false", s.With["persist-credentials"], "later steps could push with the job's token")
			}
		}
	})
}

// What a pull request's author or a form's input says becomes part of the script
// when it stands in it as an expression; in a variable it stays a value.
func TestNoInputBecomesPartOfAScript(t *testing.T) {
	eachJob(t, func(t *testing.T, _ string, w workflow, j job) {
		assert.Equal(t, "bash", w.Defaults.Run.Shell, "without it a failure before a | is not noticed")
		for _, s := range j.Steps {
			assert.NotContains(t, s.Run, "${{", s.Name)
		}
	})
	for path, content := range automation(t) {
		if strings.HasSuffix(path, "action.yml") {
			for _, line := range regexp.MustCompile(`(?m)^\s*run:.*$`).FindAllString(content, -1) {
				assert.NotContains(t, line, "${{", path)
			}
		}
	}
}

func TestNoJobRunsForEver(t *testing.T) {
	eachJob(t, func(t *testing.T, name string, _ workflow, j job) {
		longest := 60
		if j.Environment != "" {
			// The last minutes are for looking around and storing the artifacts.
			longest = int(config.Staging().Pipeline.DeploySession.Minutes()) - 10
		} else if j.Permissions["id-token"] == "write" {
			longest = int(config.PipelineSession.Minutes()) - 5
		}
		assert.Positive(t, j.Timeout)
		assert.LessOrEqual(t, j.Timeout, longest, "the credentials end before the job does")
	})
}

// Two deployments of one environment at a time undo each other; one that is broken
// off leaves CloudFormation in the middle.
func TestTwoDeploymentsNeverMeet(t *testing.T) {
	deploying := 0
	eachJob(t, func(t *testing.T, _ string, w workflow, j job) {
		if j.Environment == "" {
			for _, s := range j.Steps {
				assert.NotEqual(t, config.PipelineDeploy, s.With["task"], "the role's trust wants the job in a GitHub environment")
			}
			return
		}
		deploying++
		assert.Equal(t, "deploy-"+j.Environment, j.Concurrency.Group)
		assert.False(t, j.Concurrency.CancelInProgress)
		assert.False(t, w.Concurrency.CancelInProgress)
	})
	assert.GreaterOrEqual(t, deploying, 3)
}

func TestEveryEnvironmentIsDeployedAndWatched(t *testing.T) {
	all := workflows(t)
	names := []string{}
	for _, env := range config.All() {
		names = append(names, env.Name)
		deployed := all["main"].Jobs[env.Name]
		assert.Equal(t, env.Name, deployed.Environment, "main.yml deploys %s", env.Name)
		signsIn := slices.ContainsFunc(deployed.Steps, func(s step) bool {
			return s.Uses == "./.github/actions/sign-in" && s.With["environment"] == env.Name && s.With["task"] == config.PipelineDeploy
		})
		assert.True(t, signsIn, env.Name)
	}
	for name, j := range map[string]job{
		"pull-request": all["pull-request"].Jobs["deployed"], "nightly": all["nightly"].Jobs["drift"], "release": all["release"].Jobs["push"],
	} {
		assert.ElementsMatch(t, names, j.Strategy.Matrix["environment"], name)
	}
	asks := slices.ContainsFunc(all["nightly"].Jobs["drift"].Steps, func(s step) bool { return strings.Contains(s.Run, `wallet "$ENVIRONMENT" drill evaluation`) })
	assert.True(t, asks, "a plan that would fail is found on the night of the failover")
	options := at(all["rollback"].On, "workflow_dispatch", "inputs", "environment", "options")
	assert.ElementsMatch(t, names, options, "rollback")
}

// The way to production leads over staging and a person.
func TestProductionIsDeployedAfterStagingAndAReview(t *testing.T) {
	jobs := workflows(t)["main"].Jobs
	assert.Equal(t, "check", jobs["staging"].Needs)
	assert.Equal(t, "staging", jobs["review"].Needs)
	assert.Equal(t, "review", jobs["production"].Needs)
	assert.Contains(t, jobs["staging"].If, "github.ref == 'refs/heads/main'")
	prepared, executed := "", ""
	for _, s := range jobs["review"].Steps {
		if strings.Contains(s.Run, "--prepare") {
			prepared = s.If
		}
		refuse(t, s.With["task"] == config.PipelineDeploy, "the review could execute what nobody has approved")
	}
	for _, s := range jobs["production"].Steps {
		if strings.Contains(s.Run, "--execute build/deploy/production/prepared.json") {
			executed = s.If
		}
		refuse(t, strings.Contains(s.Run, "cdk synth") || strings.Contains(s.Run, "make synth"), "what was approved is deployed, not made anew")
	}
	assert.NotEmpty(t, prepared)
	assert.Equal(t, prepared, executed)
}

// A task that no role is for fails in the middle of a deployment.
func TestEveryTaskOfAJobHasItsRole(t *testing.T) {
	roles := []string{config.PipelinePlan, config.PipelinePrepare, config.PipelineDeploy, config.PipelineWatch, config.PipelineMigrations}
	used := map[string]bool{}
	eachJob(t, func(t *testing.T, _ string, w workflow, j job) {
		for _, s := range j.Steps {
			if s.Uses == "./.github/actions/sign-in" {
				assert.Contains(t, roles, s.With["task"])
				assert.Equal(t, "write", j.Permissions["id-token"])
				used[s.With["task"]] = true
				if s.With["task"] == config.PipelinePlan {
					assert.Contains(t, w.path, "pull-request.yml")
				}
			}
		}
	})
	for _, role := range roles {
		assert.Truef(t, used[role], "nobody takes the role %s", role)
	}
}

func TestEverythingThatTheWorkflowsCallExists(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	script := regexp.MustCompile(`(?:^|[\s"'(])((?:scripts|\.github/scripts|\.ci)/[a-z-]+(?:\.sh)?)\b`)
	target := regexp.MustCompile(`(?m)(?:^|run:|[;&|]) *make ([a-z]+)`)
	program := regexp.MustCompile(`\./(cmd/[a-z]+)`)
	for path, content := range automation(t) {
		for _, match := range script.FindAllStringSubmatch(content, -1) {
			info, err := os.Stat(filepath.Join("..", match[1]))
			if assert.NoError(t, err, path) {
				assert.NotZero(t, info.Mode()&0o111, "%s: %s cannot be executed", path, match[1])
			}
		}
		for _, match := range target.FindAllStringSubmatch(content, -1) {
			assert.Truef(t, regexp.MustCompile(`(?m)^`+match[1]+`:`).Match(makefile), "%s: make has no %s", path, match[1])
		}
		for _, match := range program.FindAllStringSubmatch(content, -1) {
			assert.FileExists(t, filepath.Join("..", match[1], "main.go"), path)
		}
		refuse(t, regexp.MustCompile(`cmd/identity|scripts/identity|make identity`).MatchString(content), "%s deploys whom the account trusts", path)
	}
	assert.FileExists(t, "../cmd/migrate/Dockerfile")
}

// The release branch sets the tag by the line that holds it.
func TestAReleaseSetsTheTagOfEveryEnvironment(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "config"), os.DirFS("../config")))
	set, err := filepath.Abs("../.github/scripts/set-release.sh")
	require.NoError(t, err)
	run := func(tag string) (string, error) {
		command := exec.Command("bash", set, tag)
		command.Dir = dir
		output, err := command.CombinedOutput()
		return string(output), err
	}
	output, err := run("2.7.1-rc.1")
	require.NoError(t, err, output)
	for _, env := range config.All() {
		path := filepath.Join("config", env.Name+".go")
		before, err := os.ReadFile(filepath.Join("..", path))
		require.NoError(t, err)
		after, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		want := strings.Replace(string(before), fmt.Sprintf("ImageTag: %q,", env.Site.ImageTag), `ImageTag: "2.7.1-rc.1",`, 1)
		assert.NotEqual(t, want, string(before), env.Name)
		assert.Equal(t, want, string(after), env.Name)
	}
	_, err = run(`1"; echo`)
	assert.Error(t, err, "what is no tag would become Go code")
}

// What judges or deploys can be anywhere: the program that classifies a change, the
// Makefile, a test. Of the lines that match a path, the last one decides:
// https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
func TestNoPullRequestChangesWhatJudgesItWithoutAnOwner(t *testing.T) {
	content, err := os.ReadFile("../.github/CODEOWNERS")
	require.NoError(t, err)
	team := "@" + config.Production().Site.GitHub.Platform.Owner + "/wallet-platform"
	var patterns []string
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		patterns = append(patterns, fields[0])
		assert.Containsf(t, fields[1:], team, "%s belongs to somebody else, or to nobody", fields[0])
	}
	require.NotEmpty(t, patterns)
	assert.Equal(t, "*", patterns[0], "a path without a line has no owner")
}

// A cache that an unprivileged job saved holds programs of that job's choice.
func TestNoJobThatTakesAnIdentityRestoresACache(t *testing.T) {
	eachJob(t, func(t *testing.T, name string, _ workflow, j job) {
		// What a release's job builds runs later, as the owner of the schema.
		privileged := j.Permissions["id-token"] == "write" || strings.HasPrefix(name, "release/")
		for _, s := range j.Steps {
			assert.Falsef(t, privileged && strings.HasPrefix(s.Uses, "actions/cache"), "%s restores a cache", s.Uses)
			assert.Falsef(t, privileged && s.With["cache"] != "" && s.With["cache"] != "false", "%s restores a cache", s.Uses)
			assert.Falsef(t, privileged && strings.HasPrefix(s.Uses, "actions/setup-"), "%s restores a cache by itself", s.Uses)
		}
	})
	content, err := os.ReadFile("../.github/actions/setup/action.yml")
	require.NoError(t, err)
	var setup struct {
		Inputs map[string]struct{ Default string }
		Runs   struct{ Steps []step }
	}
	require.NoError(t, yaml.Unmarshal(content, &setup))
	assert.Equal(t, "false", setup.Inputs["cache"].Default, "a job that says nothing restores no cache")
	for _, s := range setup.Runs.Steps {
		if !strings.HasPrefix(s.Uses, "actions/setup-") {
			continue
		}
		assert.Containsf(t, s.With["cache"], "inputs.cache", "%s decides by itself", s.Uses)
		if strings.HasPrefix(s.Uses, "actions/setup-node@") {
			assert.Equal(t, "false", s.With["package-manager-cache"], "it is on by itself where package.json names npm")
		}
	}
}

// A package's own script would run with the rights of whoever installs it.
func TestInstalledPackagesRunNoScripts(t *testing.T) {
	content, err := os.ReadFile("../.npmrc")
	require.NoError(t, err)
	assert.Contains(t, string(content), "ignore-scripts=true\n")
}

// script is the script of a job's step.
func script(t *testing.T, file, id, name string) string {
	t.Helper()
	for _, s := range workflows(t)[file].Jobs[id].Steps {
		if s.Name == name {
			return s.Run
		}
	}
	require.Failf(t, "no such step", "%s/%s: %s", file, id, name)
	return ""
}

// runIn runs a script in a directory whose bin comes first in the path, and
// returns what it printed and whether it succeeded.
func runIn(t *testing.T, dir string, variables []string, arguments ...string) (string, bool) {
	t.Helper()
	command := exec.Command("bash", append([]string{"--noprofile", "--norc", "-eo", "pipefail"}, arguments...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), append(variables, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))...)
	output, err := command.CombinedOutput()
	return string(output), err == nil
}

// fakeProgram puts a shell script in place of a program.
func fakeProgram(t *testing.T, dir, name, body string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", name), []byte("#!/usr/bin/env bash\n"+body), 0o755))
}

// A comment for each push would bury the one that counts.
func TestAPullRequestHasOneCommentThatIsWrittenAnew(t *testing.T) {
	body := script(t, "pull-request", "comment", "Write the comment, or write it anew")
	for name, test := range map[string]struct{ known, want string }{
		"first push": {"", "--method POST comments --field body=@comment.md --silent"},
		"later push": {"4711\n4712", "--method PATCH edited/4711 --field body=@comment.md --silent"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fakeProgram(t, dir, "gh", `if [ "$2" = --paginate ]; then printf '%s' "$KNOWN"; else echo "${@:2}" >> calls; fi`)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "report.md"), []byte(strings.Repeat("x", 100_000)), 0o644))
			output, ok := runIn(t, dir, []string{"KNOWN=" + test.known, "COMMENTS=comments", "EDITED=edited", "RUN=https://run"}, "-c", body)
			require.True(t, ok, output)
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			require.NoError(t, err)
			assert.Equal(t, test.want, strings.TrimSpace(string(calls)))
			comment, err := os.ReadFile(filepath.Join(dir, "comment.md"))
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(comment), "<!-- wallet-infra: changes -->\n"))
			assert.Less(t, len(comment), 65536, "GitHub refuses a longer one")
			assert.Contains(t, string(comment), "https://run")
		})
	}
}

// A stack that is not there yet is no error; a refusal is one, since the report
// would call everything new.
func TestWhatIsDeployedIsReadOrTheJobFails(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		ok     bool
		files  []string
	}{
		"deployed":  {`echo '{"TemplateBody":{"Resources":{"A":{"Type":"T"}}}}'`, true, []string{"wallet-staging-compute.json"}},
		"not there": {`echo "An error occurred (ValidationError): Stack with id x does not exist" >&2; exit 254`, true, nil},
		"announced": {`echo "An error occurred (ValidationError): GetTemplate cannot be called on REVIEW_IN_PROGRESS stacks." >&2; exit 254`, true, nil},
		"refused":   {`echo "An error occurred (AccessDenied)" >&2; exit 254`, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fakeProgram(t, dir, "aws", test.answer)
			fakeProgram(t, dir, "go", `[ "$*" = "tool wallet staging summary --list --assembly $PWD" ] && echo "sa-east-1 wallet-staging-compute a/template.json"`)
			read, err := filepath.Abs("../.github/scripts/deployed.sh")
			require.NoError(t, err)
			output, ok := runIn(t, dir, nil, read, "staging", "deployed", dir, filepath.Join(dir, "no-base"))
			assert.Equal(t, test.ok, ok, output)
			found, err := filepath.Glob(filepath.Join(dir, "deployed", "*.json"))
			require.NoError(t, err)
			var files []string
			for _, path := range found {
				files = append(files, filepath.Base(path))
			}
			assert.Equal(t, test.files, files)
			if test.files != nil {
				_, err := changes.Load(filepath.Join(dir, "deployed"))
				assert.NoError(t, err, "what is deployed could not be compared")
			}
			_, err = os.Stat(filepath.Join(dir, "deployed", "none"))
			assert.Equal(t, test.ok && test.files == nil, err == nil, "that nothing is deployed is said, and only then")
		})
	}
}

// What needs an acknowledgement fails the check, and not before every environment
// is in the report.
func TestTheReportHoldsEveryEnvironmentBeforeTheCheckFails(t *testing.T) {
	classify, err := filepath.Abs("../.github/scripts/classify.sh")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		status string
		ok     bool
	}{"clean": {"0", true}, "open": {"13", false}, "unreadable": {"1", false}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fakeProgram(t, dir, "go", `echo "${@:3}"; exit "$STATUS"`)
			for _, made := range []string{"a/templates/head/staging", "a/templates/head/production", "a/templates/base/staging", "a/templates/base/production", "a/deployed-production"} {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, made), 0o755))
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a/templates/environments"), []byte("staging\nproduction\n"), 0o600))
			output, ok := runIn(t, dir, []string{"STATUS=" + test.status}, classify, "a", "report.md", "0123456789abcdef")
			assert.Equal(t, test.ok, ok, output)
			report, err := os.ReadFile(filepath.Join(dir, "report.md"))
			require.NoError(t, err)
			assert.Contains(t, string(report), "## staging\n\nCompared with the templates of 012345678.\n\nstaging changes --base a/templates/base/staging --assembly a/templates/head/staging --markdown")
			assert.NotContains(t, string(report), "--resumed", "a pull request would keep what it needs no more")
			if test.status != "1" {
				assert.Contains(t, string(report), "## production\n\nCompared with what is deployed.\n\nproduction changes --base a/deployed-production --assembly a/templates/head/production --markdown")
			}
			output, ok = runIn(t, dir, []string{"STATUS=" + test.status}, classify, "a", "report.md", "deployment", "production")
			assert.Equal(t, test.ok, ok, output)
			report, err = os.ReadFile(filepath.Join(dir, "report.md"))
			require.NoError(t, err)
			assert.Contains(t, string(report), "--resumed", "a deployment that was stopped could not go on")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a/deployed-production/none"), nil, 0o600))
			_, ok = runIn(t, dir, []string{"STATUS=0"}, classify, "a", "report.md", "deployment", "production")
			assert.True(t, ok)
			report, err = os.ReadFile(filepath.Join(dir, "report.md"))
			require.NoError(t, err)
			assert.Contains(t, string(report), "Compared with nothing: no stack of it is deployed.\n\nproduction changes --base none ")
			_, ok = runIn(t, dir, []string{"STATUS=0"}, classify, "a", "report.md", "", "production")
			assert.False(t, ok, "a variable that is not set would make a pull request's judgement a deployment's")
		})
	}
}

// An environment that a pull request takes away has templates on one side alone.
func TestAnEnvironmentThatIsTakenAwayIsSeen(t *testing.T) {
	dir := t.TempDir()
	fakeProgram(t, dir, "git", `if [ "$2" = add ]; then mkdir -p "$5"; elif [ "$2" = remove ]; then rm -r "$4"; fi`)
	fakeProgram(t, dir, "go", `case "$PWD" in */build/base) printf 'staging\nold\n' ;; *) printf 'staging\nnew\n' ;; esac`)
	fakeProgram(t, dir, "cdk", `mkdir -p "$5"`)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "node_modules"), 0o755))
	require.NoError(t, os.Symlink("../bin", filepath.Join(dir, "node_modules", ".bin")))
	for _, name := range []string{"synthesize", "classify"} {
		content, err := os.ReadFile("../.github/scripts/" + name + ".sh")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".sh"), content, 0o755))
	}
	output, ok := runIn(t, dir, nil, "./synthesize.sh", "0123456789abcdef", "a/templates")
	require.True(t, ok, output)
	var made []string
	for _, pattern := range []string{"head/*", "base/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, "a/templates", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			made = append(made, strings.TrimPrefix(path, dir+"/a/templates/"))
		}
	}
	assert.Equal(t, []string{"head/new", "head/staging", "base/old", "base/staging"}, made)
	fakeProgram(t, dir, "go", `case "$PWD" in */build/base) echo 'no such tool "wallet"' >&2; exit 2 ;; *) echo staging ;; esac`)
	output, ok = runIn(t, dir, nil, "./synthesize.sh", "0123456789abcdef", "b/templates")
	require.True(t, ok, "a commit from before the command: %s", output)
	assert.DirExists(t, filepath.Join(dir, "b/templates/base/staging"))
	fakeProgram(t, dir, "go", `echo "${@:3}"`)
	output, ok = runIn(t, dir, nil, "./classify.sh", "a", "report.md", "0123456789abcdef")
	assert.False(t, ok, "its stacks would stand with nobody to watch them: %s", output)
	report, err := os.ReadFile(filepath.Join(dir, "report.md"))
	require.NoError(t, err)
	assert.Contains(t, string(report), "## old\n\nThe environment is gone from config")
	assert.Contains(t, string(report), "new changes --base none --assembly a/templates/head/new")
}

func TestALoadBalancerThatAnswersWronglyFailsTheDeployment(t *testing.T) {
	look, err := filepath.Abs("../.github/scripts/visible.sh")
	require.NoError(t, err)
	right := map[string]string{"http://api.example.com/": "301", "https://api.example.com/nobody-named-this": "404",
		"https://api.example.com/q/health": "403", "https://api.example.com/metrics": "403",
		"https://api.example.com/api/v1/wallets/00000000-0000-0000-0000-000000000000": "404"}
	visit := func(answers map[string]string) (string, bool) {
		dir := t.TempDir()
		var cases strings.Builder
		for _, address := range slices.Sorted(maps.Keys(answers)) {
			fmt.Fprintf(&cases, "%s) printf '%s' ;;\n", address, answers[address])
		}
		fakeProgram(t, dir, "curl", "case \"${@: -1}\" in\n"+cases.String()+"*) exit 6 ;;\nesac")
		return runIn(t, dir, nil, look, "api.example.com")
	}
	output, ok := visit(right)
	assert.True(t, ok, output)
	for address, wrong := range map[string]string{
		"http://api.example.com/":          "200",
		"https://api.example.com/q/health": "200",
		"https://api.example.com/metrics":  "200",
		"https://api.example.com/api/v1/wallets/00000000-0000-0000-0000-000000000000": "503",
	} {
		answers := maps.Clone(right)
		answers[address] = wrong
		output, ok := visit(answers)
		assert.False(t, ok, output)
		assert.Contains(t, output, "FAILED   "+address)
	}
	output, ok = visit(nil)
	assert.False(t, ok, output)
	assert.Contains(t, output, "no answer (curl: 6)")
}
