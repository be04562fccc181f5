package test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/commands"
)

// ourName is a name of the platform in a command, with a variable or a word for the
// environment.
var ourName = regexp.MustCompile(`(?:AmazonMSK_)?wallet-(?:\$ENVIRONMENT|ENV|staging|production)[A-Za-z0-9/_-]*`)

// notOfTheTemplates are names that a command makes itself.
var notOfTheTemplates = regexp.MustCompile(`-(restored|restored-1|last)$`)

// A name that no template has finds nothing, and at night "nothing" reads as "gone".
func TestEveryNameInACommandIsOneThatIsBuilt(t *testing.T) {
	built := map[string]string{}
	for name, env := range platform(t) {
		var all strings.Builder
		for _, stack := range env.sorted() {
			all.Write(stack.raw)
			all.WriteString(` "` + stack.name + `" `)
		}
		built[name] = all.String()
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

// isBuilt says whether the templates have a name, in the environment that it says or in
// any. A name may go on after a separator, as a prefix does.
func isBuilt(built map[string]string, written string) bool {
	for env, templates := range built {
		name := strings.NewReplacer("$ENVIRONMENT", env, "wallet-ENV", "wallet-"+env).Replace(written)
		name = strings.TrimRight(name, "-/")
		if regexp.MustCompile(`[^A-Za-z0-9-]` + regexp.QuoteMeta(name) + `([^A-Za-z0-9]|$)`).MatchString(templates) {
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
		known = append(known, stack.ID, name, stage+"/*")
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

// documentCalls are the commands of the README and of everything in docs/.
func documentCalls(t *testing.T) []commands.Call {
	t.Helper()
	var all []commands.Call
	for path := range documents(t) {
		page, err := commands.Read(os.DirFS(".."), path, []string{"aws", "npx"})
		require.NoError(t, err)
		all = append(all, page.Calls...)
	}
	return all
}
