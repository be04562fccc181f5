package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/test/commands"
)

// ourName is a name of the platform in a command, with a variable or a word for the
// environment.
var ourName = regexp.MustCompile(`(?:AmazonMSK_)?wallet-(?:\$ENVIRONMENT|ENV|staging|production)(?:[A-Za-z0-9/_-]|\$AWS_REGION)*`)

// notOfTheTemplates are names that a command makes itself.
var notOfTheTemplates = regexp.MustCompile(`-(restored|restored-1|last)$`)

// A name that no template has finds nothing, and at night "nothing" reads as "gone".
func TestEveryNameInACommandIsOneThatIsBuilt(t *testing.T) {
	built := map[string]builtNames{}
	for name, env := range platform(t) {
		var all strings.Builder
		for _, stack := range env.sorted() {
			all.Write(stack.raw)
			all.WriteString(` "` + stack.name + `" `)
		}
		built[name] = builtNames{env.Primary.Name, all.String()}
	}
	found := 0
	for _, call := range documentCalls(t) {
		for _, word := range call.Words {
			for _, written := range ourName.FindAllString(word, -1) {
				if notOfTheTemplates.MatchString(written) {
					continue
				}
				found++
				assert.Truef(t, isBuilt(built, written), "%s: nothing of the platform is named %s", call.At(), written)
			}
		}
	}
	assert.Greater(t, found, 20, "the names were not found")
}

// builtNames is all text of an environment's templates, and its first region.
type builtNames struct{ region, text string }

// isBuilt says whether the templates have a name, in the environment that it says or in
// any. A name may go on after a separator, as a prefix does.
func isBuilt(built map[string]builtNames, written string) bool {
	for env, templates := range built {
		name := strings.NewReplacer("$ENVIRONMENT", env, "wallet-ENV", "wallet-"+env, "$AWS_REGION", templates.region).Replace(written)
		name = strings.TrimRight(name, "-/")
		if regexp.MustCompile(`[^A-Za-z0-9-]` + regexp.QuoteMeta(name) + `([^A-Za-z0-9]|$)`).MatchString(templates.text) {
			return true
		}
	}
	return false
}

// The CDK CLI and --stack select by the construct's name; one that is not there deploys
// nothing, or everything.
func TestEveryStackInACommandExists(t *testing.T) {
	built, err := cfn.Read(outdir(t))
	require.NoError(t, err)
	var known []string
	for _, stack := range built {
		stage, name, _ := strings.Cut(stack.ID, "/")
		known = append(known, stack.ID, name, stage+"/*", "*/"+name)
	}
	for _, call := range documentCalls(t) {
		for i, word := range call.Words {
			given := ""
			switch {
			case call.Words[0] == "npx" && strings.Contains(word, "/") && !strings.Contains(word, ":"):
				given = word
			case i > 0 && call.Words[i-1] == "--stack":
				given = word
			}
			for _, each := range strings.Split(given, ",") {
				assert.Truef(t, each == "" || slices.Contains(known, each), "%s: there is no stack %s", call.At(), each)
			}
		}
	}
}

// Who is on call pastes one line, and from there on every command of the runbook is of
// that environment, of its regions and its names.
func TestTheRunbooksVariablesAreEachEnvironmentsOwn(t *testing.T) {
	var lines []string
	for _, env := range config.All() {
		line := fmt.Sprintf("export ENVIRONMENT=%s ACCOUNT=%s AWS_REGION=%s SECONDARY=%s API=%s TASKS=%d",
			env.Name, env.Site.Account, env.Primary.Name, env.Secondary.Name, env.Site.APIDomain, env.Service.MaxTasks)
		if env.DR.Mode == config.DRStandby {
			line += " STANDBY_CLUSTER=" + env.Names().DatabaseClusterName(env.Secondary)
		}
		lines = append(lines, "```bash\n"+line+"\n```")
	}
	documented(t, filepath.Join("..", runbookPage), "variables", strings.Join(lines, "\n\n"))
}

// A command that is right for production alone is typed in staging too, at night.
func TestNoCommandOfTheRunbookIsOfOneEnvironmentAlone(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", runbookPage))
	require.NoError(t, err)
	before, rest, _ := strings.Cut(string(content), "<!-- variables:begin -->")
	_, after, found := strings.Cut(rest, "<!-- variables:end -->")
	require.True(t, found)
	for _, env := range config.All() {
		for _, own := range []string{env.Names().Prefix(), env.Site.Account, env.Site.APIDomain} {
			assert.NotContainsf(t, before+after, own, "%s: %s is of one environment", runbookPage, own)
		}
		for _, call := range documentCalls(t) {
			if call.Page != runbookPage {
				continue
			}
			for _, word := range call.Words {
				for _, own := range []string{env.Name, env.Primary.Name, env.Secondary.Name} {
					assert.NotRegexpf(t, `(?i)\b`+own+`\b`, word, "%s: a variable has it", call.At())
				}
			}
		}
	}
}

// documentCalls are the commands of the README and of everything in docs/.
func documentCalls(t *testing.T) []commands.Call {
	t.Helper()
	var all []commands.Call
	for path := range documents(t) {
		page, err := commands.Read(os.DirFS(".."), path, []string{"aws", "npx", "go"})
		require.NoError(t, err)
		all = append(all, page.Calls...)
	}
	return all
}
