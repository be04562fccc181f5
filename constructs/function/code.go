package function

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
)

// code compiles a command of lambda/. The asset is named by the hash of its
// sources, not of the binary, so that two versions of the Go toolchain give the
// same template, and a run that builds nothing (`cdk ls`) does too.
func code(command string) awslambda.Code {
	root, err := moduleRoot()
	if err != nil {
		panic(err) // not configuration: the program runs outside its repository
	}
	hash, err := sourceHash(root)
	if err != nil {
		panic(err)
	}
	return awslambda.Code_FromAsset(new(filepath.Join(root, "lambda", command)), &awss3assets.AssetOptions{
		AssetHashType: awscdk.AssetHashType_CUSTOM,
		AssetHash:     new(hash + command),
		Bundling: &awscdk.BundlingOptions{
			// Required by CDK, used only when the local build fails.
			Image: awscdk.DockerImage_FromRegistry(new("public.ecr.aws/docker/library/golang:1.26")),
			Local: &compiler{root: root, command: command, hash: hash},
		},
	})
}

// compiler builds a command with the Go toolchain of this machine, once for each
// state of its sources: linking again for every synthesis would take most of it.
type compiler struct{ root, command, hash string }

// TryBundle implements awscdk.ILocalBundling. It says false, with the reason on
// standard error, when the command does not build or cannot be copied.
func (c *compiler) TryBundle(outputDir *string, _ *awscdk.BundlingOptions) *bool {
	err := c.bundle(filepath.Join(*outputDir, "bootstrap"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "lambda/%s: %v\n", c.command, err)
	}
	return new(err == nil)
}

// bundle puts the program at target. It is compiled beside its place in build/
// and renamed, so that another run never sees half of it.
func (c *compiler) bundle(target string) error {
	kept := filepath.Join(c.root, "build", "lambda", runtime.Version(), c.hash, c.command)
	if _, err := os.Stat(kept); err != nil {
		if err := os.MkdirAll(filepath.Dir(kept), 0o750); err != nil {
			return err
		}
		fresh := fmt.Sprintf("%s.%d", kept, os.Getpid())
		if err := c.compile(fresh); err != nil {
			return err
		}
		if err := os.Rename(fresh, kept); err != nil {
			return err
		}
	}
	return copyProgram(target, kept)
}

// copyProgram leaves the copying to the system, which need not move the bytes
// through this process.
func copyProgram(target, source string) error {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755) //nolint:gosec // Lambda runs it as another user
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

func (c *compiler) compile(target string) error {
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=lambda.norpc", "-ldflags=-s -w -buildid=",
		"-o", target, "./lambda/"+c.command)
	build.Dir = c.root
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return build.Run()
}

// sourceRoots hold all of this module that a function is compiled from.
var sourceRoots = []string{"lambda", "config/authorities"}

// sourceHash covers every source of the functions and the versions of what they
// import.
func sourceHash(root string) (string, error) {
	sum := sha256.New()
	add := func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", filepath.ToSlash(name), len(content))
		_, err = sum.Write(content)
		return err
	}
	for _, source := range sourceRoots {
		if err := eachSource(filepath.Join(root, filepath.FromSlash(source)), add); err != nil {
			return "", err
		}
	}
	if err := add(filepath.Join(root, "go.sum")); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// eachSource visits every file of a directory that can be compiled into a function.
func eachSource(root string, visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if matched, _ := filepath.Match("*_test.go", entry.Name()); matched {
			return nil
		}
		return visit(path)
	})
}

// moduleRoot finds the repository from the directory in which the program runs:
// the root itself for the app, a folder below it for tests.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the current directory: run the app inside its repository")
		}
		dir = parent
	}
}
