package cdk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// Source says where an assembly comes from.
type Source struct {
	// Given is an assembly to take as it is, the one that was reviewed; empty
	// synthesizes.
	Given string
	// Output is a new directory that keeps the synthesis; empty keeps none.
	Output string
	// ImageTag is the release; empty takes the configuration's.
	ImageTag string
}

// Assembly is one synthesis of an environment.
type Assembly struct {
	Dir    string
	Stacks []cfn.Stack // in the order of their deployment

	seals     map[string]string // of the stacks, by name
	temporary bool              // it goes with the run
}

// Synthesize writes the environment's templates once, or takes those that are given.
// It asks AWS nothing.
func (s Session) Synthesize(ctx context.Context, from Source) (Assembly, error) {
	made := Assembly{Dir: from.Given}
	if from.Given == "" {
		var err error
		if made.Dir, made.temporary, err = s.CDK.directory(s.Env.Name, from.Output); err != nil {
			return Assembly{}, err
		}
		s.Console.Say("synthesizing %s (image tag %s)", s.Env.Name, s.Env.Site.ImageTag)
		arguments := []string{"synth", "**", "--quiet", "--output", made.Dir, "-c", "env=" + s.Env.Name}
		if from.ImageTag != "" {
			arguments = append(arguments, "-c", "imageTag="+from.ImageTag)
		}
		if err := s.CDK.Run(ctx, arguments...); err != nil {
			_ = os.RemoveAll(made.Dir) // half of a synthesis, which the next run would refuse to write over
			return Assembly{}, Unchanged(ctx, "synthesis failed", err)
		}
	}
	err := made.read(s.Env)
	if err != nil {
		made.Discard()
	}
	return made, err
}

// Unchanged turns a failure of the CLI before any change into an error.
func Unchanged(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, "interrupted: nothing was changed")
	}
	return exit.With(exit.Refused, "%s, nothing was changed: %w", what, err)
}

// directory makes the one in which this run synthesizes, and nobody else: the one that
// was asked for, or one of its own, which goes with the run.
func (c CLI) directory(environment, output string) (dir string, temporary bool, err error) {
	if output == "" {
		parent := account.DeployDir(c.Dir)
		if err := os.MkdirAll(parent, 0o750); err != nil {
			return "", false, err
		}
		dir, err = os.MkdirTemp(parent, environment+"-")
		return dir, true, err
	}
	entries, err := os.ReadDir(output)
	if len(entries) > 0 {
		return "", false, exit.With(exit.Refused, "--output: %s is not empty: another run may be deploying what it wrote there", output)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return output, false, err
}

// Discard removes a synthesis that only this run needs.
func (a Assembly) Discard() {
	if a.temporary {
		_ = os.RemoveAll(a.Dir)
	}
}

// isOf says that a stack is one of an environment's.
func isOf(stack cfn.Stack, account, environment string) bool {
	return stack.Account == account && stack.Tags["Environment"] == environment
}

// read loads the environment's own stacks, and notes what each is deployed from.
func (a *Assembly) read(env config.Environment) error {
	all, err := cfn.Read(a.Dir)
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(all, func(stack cfn.Stack) bool { return !isOf(stack, env.Site.Account, env.Name) })
	if len(own) == 0 {
		return fmt.Errorf("no stack of %s in account %s in %s", env.Name, env.Site.Account, a.Dir)
	}
	if a.Stacks, err = cfn.InOrder(own); err != nil {
		return err
	}
	a.seals = map[string]string{}
	for _, stack := range a.Stacks {
		if a.seals[stack.Name], err = stack.Seal(); err != nil {
			return err
		}
	}
	return nil
}

// Find is the stack with a physical name.
func (a Assembly) Find(name string) (cfn.Stack, bool) {
	index := slices.IndexFunc(a.Stacks, func(stack cfn.Stack) bool { return stack.Name == name })
	if index < 0 {
		return cfn.Stack{}, false
	}
	return a.Stacks[index], true
}

// Seal is the sum over all that a stack was to be deployed from when it was read.
func (a Assembly) Seal(name string) string { return a.seals[name] }

// Intact fails where the files of a stack are not those that were judged and shown.
func (a Assembly) Intact(stack cfn.Stack) error {
	sum, err := stack.Seal()
	if err == nil && sum != a.seals[stack.Name] {
		err = errors.New("they are others now")
	}
	if err != nil {
		return exit.With(exit.Stale, "%s: what it is deployed from in %s was changed since it was read (%w): it is not deployed", stacks.Short(stack), a.Dir, err)
	}
	return nil
}
