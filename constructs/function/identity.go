package function

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goArchitecture is what [New] promises Lambda, in Go's words.
const goArchitecture = "arm64"

// buildFlags are the same for what is compiled and for what is asked about it.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags=lambda.norpc"}

// linkFlags leave out what differs between two builds of the same sources.
const linkFlags = "-s -w -buildid="

// toolchain calls the Go command for one module and one target.
type toolchain struct{ root, architecture string }

// command sets what a machine's own settings would otherwise add to a program.
func (t toolchain) command(name string, arguments ...string) *exec.Cmd {
	made := exec.Command("go", append([]string{name}, arguments...)...)
	made.Dir = t.root
	made.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+t.architecture, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	made.Stderr = os.Stderr
	return made
}

// build compiles a command of lambda/ into a program at target.
func (t toolchain) build(command, target string) error {
	made := t.command("build", append(buildFlags, "-ldflags="+linkFlags, "-o", target, "./lambda/"+command)...)
	made.Stdout = os.Stderr
	return made.Run()
}

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath, Name, Dir, DefaultGODEBUG                string
	Standard                                             bool
	Deps, GoFiles, SFiles, HFiles, SysoFiles, EmbedFiles []string
	Module                                               goModule // empty for the standard library
}

// goModule is where a package is from. Sum is its content's, as in go.sum, and
// Replace what stands in its place, if anything does.
type goModule struct {
	goSource
	Main    bool
	Replace goSource
}

type goSource struct{ Path, Version, Sum string }

// identities returns a hash for each command of lambda/, of all that its program is
// made of: the toolchain, the target, the options, this module's sources that it
// imports and the contents of the modules that it imports. Not the program's own
// hash: then a run that builds nothing (`cdk ls`) gives the same template.
func (t toolchain) identities() (map[string]string, error) {
	target, err := t.target()
	if err != nil {
		return nil, err
	}
	listed, err := t.command("list", append(buildFlags, "-deps", "-json", "./lambda/...")...).Output()
	if err != nil {
		return nil, fmt.Errorf("list what the functions are made of: %w", err)
	}
	packages := map[string]goPackage{}
	for decoder := json.NewDecoder(bytes.NewReader(listed)); ; {
		var found goPackage
		if err := decoder.Decode(&found); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list what the functions are made of: %w", err)
		}
		packages[found.ImportPath] = found
	}
	hashes := map[string]string{}
	for _, found := range packages {
		if found.Name != "main" || !found.Module.Main {
			continue
		}
		sum := sha256.New()
		fmt.Fprintf(sum, "%s%s\n%s\n", target, found.DefaultGODEBUG, strings.Join(append(buildFlags, linkFlags), " "))
		for _, name := range append(found.Deps, found.ImportPath) {
			if err := packages[name].write(sum); err != nil {
				return nil, err
			}
		}
		hashes[filepath.Base(found.Dir)] = hex.EncodeToString(sum.Sum(nil))
	}
	return hashes, nil
}

// target is what compiles and for what: the toolchain that the Go command chooses,
// and the one that go.mod asks for, so that a security fix of Go is a change.
func (t toolchain) target() (string, error) {
	chosen, err := t.command("env", "GOVERSION", "GOOS", "GOARCH", "GOARM64", "GOAMD64", "GOEXPERIMENT", "GOFIPS140").Output()
	if err != nil {
		return "", fmt.Errorf("ask the Go command for its version: %w", err)
	}
	content, err := t.command("mod", "edit", "-json").Output()
	if err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	var module struct{ Go, Toolchain string }
	if err := json.Unmarshal(content, &module); err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	return fmt.Sprintf("%s%s\n%s\n", chosen, module.Go, module.Toolchain), nil
}

// write adds the package to a hash: its files where they are this module's or an
// unversioned replacement's, its module's checksum where it has one. The standard
// library is the toolchain's.
func (p goPackage) write(sum io.Writer) error {
	if p.Standard {
		return nil
	}
	module := p.Module.goSource
	if p.Module.Replace.Path != "" {
		module = p.Module.Replace
	}
	if module.Version != "" {
		_, err := fmt.Fprintf(sum, "%s %s %s %s\n", p.ImportPath, module.Path, module.Version, module.Sum)
		return err
	}
	for _, files := range [][]string{p.GoFiles, p.SFiles, p.HFiles, p.SysoFiles, p.EmbedFiles} {
		for _, name := range files {
			content, err := os.ReadFile(filepath.Join(p.Dir, filepath.FromSlash(name)))
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "%s %s %d\n", p.ImportPath, filepath.ToSlash(name), len(content))
			if _, err := sum.Write(content); err != nil {
				return err
			}
		}
	}
	return nil
}
