package function

import (
	"archive/zip"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The Go command itself judges here: it compiles each state of a small module, and a
// program is another one exactly when its bytes are.

// publish puts a version of a module into a directory that serves as a proxy, in
// the form of go.dev/ref/mod#goproxy-protocol.
func publish(t *testing.T, proxy, path, version, content string) {
	t.Helper()
	dir := filepath.Join(proxy, path, "@v")
	require.NoError(t, os.MkdirAll(dir, 0o750))
	module := "module " + path + "\n\ngo 1.26\n"
	write(t, filepath.Join(dir, version+".mod"), module)
	write(t, filepath.Join(dir, version+".info"), `{"Version":"`+version+`"}`)
	file, err := os.Create(filepath.Join(dir, version+".zip"))
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	for name, text := range map[string]string{"go.mod": module, "a.go": content} {
		entry, err := archive.Create(path + "@" + version + "/" + name)
		require.NoError(t, err)
		_, err = entry.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// fixture is a module with two functions: "alone" imports a dependency that "other"
// does not, and both import the package own.
type fixture struct {
	t    *testing.T
	root string
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	proxy := t.TempDir()
	for _, version := range []string{"v1.0.0", "v1.1.0"} {
		publish(t, proxy, "example.org/dep", version, fmt.Sprintf("package dep\n\nconst Name = %q\n", version))
		publish(t, proxy, "example.org/unused", version, "package unused\n")
	}
	t.Setenv("GOPROXY", "file://"+filepath.ToSlash(proxy))
	t.Setenv("GONOSUMDB", "example.org")
	t.Setenv("GOMODCACHE", filepath.Join(t.TempDir(), "modules"))
	t.Setenv("GOFLAGS", "-modcacherw")
	f := fixture{t, t.TempDir()}
	f.write("go.mod", "module m\n\ngo 1.26.0\n")
	f.write("lambda/alone/main.go", "package main\n\nimport (\n\t\"example.org/dep\"\n\t\"m/lambda/internal/own\"\n)\n\nfunc main() { println(dep.Name, own.Text) }\n")
	f.write("lambda/other/main.go", "package main\n\nimport \"m/lambda/internal/own\"\n\nfunc main() { println(own.Text) }\n")
	f.write("lambda/internal/own/own.go", "package own\n\nimport _ \"embed\"\n\n//go:embed text\nvar Text string\n")
	f.write("lambda/internal/own/text", "hello\n")
	f.write("tool/tool.go", "package tool\n\nimport _ \"example.org/unused\"\n")
	f.require("example.org/dep@v1.0.0")
	f.require("example.org/unused@v1.0.0")
	return f
}

func (f fixture) write(name, content string) { write(f.t, filepath.Join(f.root, name), content) }

// append adds to a file.
func (f fixture) append(name, content string) {
	before, err := os.ReadFile(filepath.Join(f.root, name))
	require.NoError(f.t, err)
	f.write(name, string(before)+content)
}

// require changes go.mod and go.sum, as an update of a dependency does.
func (f fixture) require(module string) {
	command := exec.Command("go", "get", module)
	command.Dir = f.root
	output, err := command.CombinedOutput()
	require.NoError(f.t, err, "%s", output)
}

// identities are those of the two commands.
func (f fixture) identities(architecture string) map[string]string {
	found, err := toolchain{f.root, architecture}.identities()
	require.NoError(f.t, err)
	require.Len(f.t, found, 2, "the packages that are no commands have none")
	return found
}

// programs are the hashes of the two commands' programs.
func (f fixture) programs(architecture string) map[string]string {
	chain, programs := toolchain{f.root, architecture}, map[string]string{}
	for _, command := range []string{"alone", "other"} {
		target := filepath.Join(f.t.TempDir(), command)
		require.NoError(f.t, chain.build(command, target))
		content, err := os.ReadFile(target)
		require.NoError(f.t, err)
		programs[command] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	return programs
}

func TestAFunctionIsDeployedAgainExactlyWhenItsProgramIsAnother(t *testing.T) {
	// Where all these changes make no other program, none of them does.
	const lastWithoutEffect = "a package that no function imports"
	f := newFixture(t)
	architecture := goArchitecture
	identities, programs := f.identities(architecture), f.programs(architecture)
	for _, step := range []struct {
		name    string
		change  func()
		changed []string // the commands whose programs the change makes other ones
	}{
		{"an unrelated line of go.sum", func() {
			f.append("go.sum", "example.org/gone v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
		}, nil},
		{"a dependency that no function imports", func() { f.require("example.org/unused@v1.1.0") }, nil},
		{"a test", func() { f.write("lambda/internal/own/own_test.go", "package own\n") }, nil},
		{"a file of another system", func() { f.write("lambda/other/x_windows.go", "package main\n\nfunc init() { println(1) }\n") }, nil},
		{lastWithoutEffect, func() { f.write("lambda/internal/idle/idle.go", "package idle\n") }, nil},
		{"a dependency of one function", func() { f.require("example.org/dep@v1.1.0") }, []string{"alone"}},
		{"a source of one function", func() { f.write("lambda/other/more.go", "package main\n\nfunc init() { println(2) }\n") }, []string{"other"}},
		{"an embedded file of both", func() { f.write("lambda/internal/own/text", "bye\n") }, []string{"alone", "other"}},
		{"the language of the module", func() {
			content, err := os.ReadFile(filepath.Join(f.root, "go.mod"))
			require.NoError(t, err)
			f.write("go.mod", strings.Replace(string(content), "go 1.26.0", "go 1.26.0\n\ngodebug panicnil=1", 1))
		}, []string{"alone", "other"}},
		{"the architecture", func() { architecture = "amd64" }, []string{"alone", "other"}},
	} {
		step.change()
		newIdentities, newPrograms := f.identities(architecture), programs
		if step.changed != nil || step.name == lastWithoutEffect {
			newPrograms = f.programs(architecture)
		}
		for _, command := range []string{"alone", "other"} {
			another := slices.Contains(step.changed, command)
			assert.Equalf(t, another, newPrograms[command] != programs[command], "%s: the program %s, by the Go command", step.name, command)
			assert.Equalf(t, another, newIdentities[command] != identities[command], "%s: the identity of %s", step.name, command)
		}
		identities, programs = newIdentities, newPrograms
	}
}

// A second toolchain cannot be had in a test: a Go command that calls itself another
// version stands for it.
func TestASecurityFixOfGoIsDeployed(t *testing.T) {
	f := newFixture(t)
	before, err := toolchain{f.root, goArchitecture}.identities()
	require.NoError(t, err)
	installed, err := exec.LookPath("go")
	require.NoError(t, err)
	tools := t.TempDir()
	write(t, filepath.Join(tools, "go"), "#!/bin/sh\nif [ \"$1\" = env ]; then "+installed+" \"$@\" | sed 's/^go1.*/go1.99.9/'; else exec "+installed+" \"$@\"; fi\n")
	require.NoError(t, os.Chmod(filepath.Join(tools, "go"), 0o700))
	t.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	after, err := toolchain{f.root, goArchitecture}.identities()
	require.NoError(t, err)
	for command := range before {
		assert.NotEqual(t, before[command], after[command], "%s keeps the fault of the Go before", command)
	}

	t.Setenv("GOTOOLCHAIN", "local") // not to download it
	f.append("go.mod", "\ntoolchain go1.99.9\n")
	asked, err := toolchain{f.root, goArchitecture}.identities()
	require.NoError(t, err)
	for command := range before {
		assert.NotEqual(t, after[command], asked[command], "%s: go.mod asks for another toolchain", command)
	}
}

func TestAMachinesOwnSettingsDoNotReachAFunction(t *testing.T) {
	f := newFixture(t)
	before, programs := f.identities(goArchitecture), f.programs(goArchitecture)
	t.Setenv("GOFLAGS", "-race -tags=debug")
	t.Setenv("GOARCH", "riscv64")
	t.Setenv("CGO_ENABLED", "1")
	after, again := f.identities(goArchitecture), f.programs(goArchitecture)
	assert.Equal(t, before, after)
	assert.Equal(t, programs, again, "two people who deploy one commit would replace each other's functions")
}

func TestAProgramRunsOnTheArchitectureThatLambdaIsTold(t *testing.T) {
	f := newFixture(t)
	target := filepath.Join(t.TempDir(), "bootstrap")
	require.NoError(t, toolchain{f.root, goArchitecture}.build("other", target))
	program, err := elf.Open(target)
	require.NoError(t, err)
	defer program.Close()
	assert.Equal(t, elf.EM_AARCH64, program.Machine, "the template says arm64 (test/security_test.go)")
}

func TestAFunctionThatDoesNotCompileHasAReason(t *testing.T) {
	f := newFixture(t)
	f.write("lambda/other/more.go", "package main\n\nimport _ \"example.org/nowhere\"\n")
	_, err := toolchain{f.root, goArchitecture}.identities()
	require.ErrorContains(t, err, "list what the functions are made of")
}
