package newenv

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// repository is a copy of what a new environment changes, with a program that says
// what config's validation says of each environment.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"config", ".github/workflows"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))))
	}
	for path, content := range map[string]string{
		"go.mod": "module wallet-infra\n\ngo 1.26.0\n",
		"probe/main.go": `package main

import (
	"fmt"
	"os"

	"wallet-infra/config"
)

func main() {
	if _, err := config.Select(config.All(), config.Choice{Env: os.Args[1]}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
`,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(content), 0o600))
	}
	return root
}

// validate compiles the copy's config and validates an environment of it.
func validate(t *testing.T, root, name string) (problems string, ok bool) {
	t.Helper()
	command := exec.Command("go", "run", "./probe", name)
	command.Dir = root
	output, err := command.CombinedOutput()
	return string(output), err == nil
}

// files are the texts below a directory.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, root+"/")] = string(content)
		return err
	}))
	return found
}

// nothing follows from the files that are written.
func nothing() error { return nil }

// complete is everything that a person can say.
var complete = Choice{Name: "untried", Account: "999999999999", Domain: "untried.example.com", HostedZone: "Z0123456789UNTRIED"}

func TestANewEnvironmentCompilesAndIsValid(t *testing.T) {
	root := repository(t)
	before := files(t, root)
	plan, err := Prepare(root, complete)
	require.NoError(t, err)
	assert.Equal(t, before, files(t, root), "a plan writes nothing")
	assert.Empty(t, plan.Left)
	require.NoError(t, plan.Write(nothing))
	problems, ok := validate(t, root, "untried")
	assert.True(t, ok, problems)

	after := files(t, root)
	made := after["config/untried.go"]
	for _, want := range []string{`"999999999999"`, `"api.untried.example.com"`, `"static.untried.example.com"`, `"Z0123456789UNTRIED"`, "func Untried() Environment {", "func untriedNetwork() Network {"} {
		assert.Contains(t, made, want)
	}
	staging := config.Staging().Site
	for _, of := range []string{staging.Account, staging.HostedZone.Name, staging.HostedZone.ID, "10.10.", "stagingNetwork", "stagingPartitions", "func Staging"} {
		assert.NotContains(t, made, of, "it is staging's")
	}
	assert.Contains(t, after[".github/workflows/main.yml"], "\n  untried:\n    name: Untried\n")
	assert.Contains(t, after[".github/workflows/nightly.yml"], ", untried]")
	for path, content := range before {
		if !strings.HasPrefix(path, ".github/workflows/") && content != after[path] {
			assert.Contains(t, after[path], "\t\tUntried(),\n\t}", "%s: more than the registration changed", path)
		}
	}
}

// What a person must fill in is what the validation names, and nothing else.
func TestWhatIsLeftOutIsNamedByTheValidation(t *testing.T) {
	root := repository(t)
	plan, err := Prepare(root, Choice{Name: "untried"})
	require.NoError(t, err)
	require.NoError(t, plan.Write(nothing))
	problems, ok := validate(t, root, "untried")
	assert.False(t, ok)
	assert.Contains(t, strings.TrimSpace(problems), strings.Join(plan.Left, "\n"))
	for _, field := range []string{"Site.Account", "Site.HostedZone.ID", "Site.HostedZone.Name", "Site.APIDomain", "Site.StaticDomain"} {
		assert.Contains(t, problems, "untried: "+field+": want ")
	}
	for _, problem := range plan.Left {
		assert.Regexp(t, `^untried: Site\.(Account|HostedZone|APIDomain|StaticDomain)`, problem)
	}
}

func TestABadChoiceWritesNothingAndIsToldWhole(t *testing.T) {
	root := repository(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "config/there.go"), []byte("package config\n\nfunc otherNetwork() {}\n"), 0o600))
	before := files(t, root)
	for want, choice := range map[string]Choice{
		"Name: ":                                      {Name: "not-a-name"},
		"staging.go exists already":                   {Name: "staging"},
		"config has a otherNetwork already":           {Name: "other"},
		"Site.Account: want 12 digits":                {Name: "untried", Account: "12"},
		"Site.Account: want an account that producti": {Name: "untried", Account: config.Production().Site.Account},
		"Site.HostedZone.ID: want":                    {Name: "untried", HostedZone: "zone"},
		"Site.HostedZone.Name: want":                  {Name: "untried", Domain: "UPPER"},
		"Site.APIDomain: want a host name that":       {Name: "untried", Domain: strings.TrimPrefix(config.Staging().Site.APIDomain, "api.")},
		"Site.StaticDomain: want a host name that st": {Name: "untried", Domain: strings.TrimPrefix(config.Staging().Site.StaticDomain, "static.")},
	} {
		_, err := Prepare(root, choice)
		assert.ErrorContains(t, err, want)
	}
	_, err := Prepare(root, Choice{Name: "Bad-name", Account: "12", HostedZone: "zone", Domain: "UPPER"})
	for _, want := range []string{"Name: ", "Site.Account: ", "Site.HostedZone.ID: ", "Site.HostedZone.Name: "} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "expected", "the name is told as Go's compiler would tell it")
	_, err = Prepare(t.TempDir(), complete)
	assert.Error(t, err, "no repository")
	assert.Equal(t, before, files(t, root))
}

// Half an environment would be deployed by one workflow and watched by none.
func TestAFileThatCannotBeWrittenTakesTheOthersBack(t *testing.T) {
	root := repository(t)
	before := files(t, root)
	plan, err := Prepare(root, complete)
	require.NoError(t, err)
	require.Greater(t, len(plan.Files), 3)
	last := plan.Files[len(plan.Files)-1]
	require.NoError(t, os.Remove(filepath.Join(root, last.Path)))
	require.NoError(t, os.Mkdir(filepath.Join(root, last.Path), 0o755)) // also root cannot write a file there
	assert.Error(t, plan.Write(nothing))
	after := files(t, root)
	for path, content := range before {
		if path != last.Path {
			assert.Equal(t, content, after[path], path)
		}
	}
	assert.NoFileExists(t, filepath.Join(root, "config/untried.go"))
}

func TestGeneratedPartsThatCannotBeWrittenTakeEverythingBack(t *testing.T) {
	root := repository(t)
	put := func(path, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(content), 0o600))
	}
	put("docs/COST-OPTIMIZATION.md", "as it was")
	put("test/testdata/lock.json", "{}")
	before := files(t, root)
	half := func() error {
		put("docs/COST-OPTIMIZATION.md", "half")
		put("docs/new.txt", "half")
		require.NoError(t, os.Remove(filepath.Join(root, "test/testdata/lock.json")))
		return os.ErrDeadlineExceeded
	}
	plan, err := Prepare(root, complete)
	require.NoError(t, err)
	assert.ErrorIs(t, plan.Write(half), os.ErrDeadlineExceeded)
	assert.Equal(t, before, files(t, root))

	require.NoError(t, plan.Write(func() error { put("docs/COST-OPTIMIZATION.md", "whole"); return nil }))
	after := files(t, root)
	assert.Equal(t, "whole", after["docs/COST-OPTIMIZATION.md"])
	assert.Contains(t, after, "config/untried.go")
}

func TestTheSecondNewEnvironmentHasAnotherNetwork(t *testing.T) {
	move := mover("10.10.0.0/16", "10.20.0.0/16")
	assert.Equal(t, "10.20.21.0/24", move("10.10.21.0/24"))
	assert.Equal(t, "10.0.0.0/16", move("10.0.0.0/16"), "another network's")
	assert.Equal(t, "1.0.0", move("1.0.0"))
	network, err := freeNetwork()
	require.NoError(t, err)
	free, err := netip.ParsePrefix(network)
	require.NoError(t, err)
	assert.Equal(t, 16, free.Bits())
	assert.True(t, netip.MustParsePrefix("10.0.0.0/8").Overlaps(free))
	for _, env := range config.All() {
		for _, taken := range []string{env.Network.CIDR, env.DR.Network.CIDR} {
			if taken != "" { // an environment without a second network
				assert.False(t, netip.MustParsePrefix(taken).Overlaps(free), "%s has %s", env.Name, taken)
			}
		}
	}
}
