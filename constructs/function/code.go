package function

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"

	"wallet-infra/constructs/value"
)

// identities are asked for once in a process.
var identities = sync.OnceValues(func() (map[string]string, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	return toolchain{root, goArchitecture}.identities()
})

// code compiles a command of lambda/. The asset is named by the identity of what
// the program is made of.
func code(command string) awslambda.Code {
	root, err := moduleRoot()
	if err != nil {
		panic(err) // not configuration: the program runs outside its repository
	}
	hashes, err := identities()
	if err != nil {
		panic(err)
	}
	hash, found := hashes[command]
	if !found {
		panic("no command lambda/" + command)
	}
	return awslambda.Code_FromAsset(new(filepath.Join(root, "lambda", command)), &awss3assets.AssetOptions{
		AssetHashType: awscdk.AssetHashType_CUSTOM,
		AssetHash:     new(hash + command),
		Bundling: &awscdk.BundlingOptions{
			// Required by CDK, used only when the local build fails.
			Image: value.Once("image", func() awscdk.DockerImage {
				return awscdk.DockerImage_FromRegistry(new("public.ecr.aws/docker/library/golang:1.26"))
			}),
			Local: &compiler{toolchain: toolchain{root, goArchitecture}, command: command, hash: hash},
		},
	})
}

// compiler builds a command with the Go toolchain of this machine, once for each
// identity: linking again for every synthesis would take most of it.
type compiler struct {
	toolchain
	command, hash string
}

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
	kept := filepath.Join(c.root, "build", "lambda", c.hash, c.command)
	if _, err := os.Stat(kept); err != nil {
		if err := os.MkdirAll(filepath.Dir(kept), 0o750); err != nil {
			return err
		}
		fresh := fmt.Sprintf("%s.%d", kept, os.Getpid())
		if err := c.build(c.command, fresh); err != nil {
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
