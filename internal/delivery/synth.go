package delivery

import (
	"context"
	"fmt"
	"slices"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
)

// Assembly is one synthesis, from which everything of a command is read and
// deployed.
type Assembly struct {
	Dir    string
	Stacks []cfn.Stack // in the order of their deployment

	seals     map[string]string // of the stacks, by name
	temporary bool              // it goes with the run
}

// synthesize writes the environment's templates once, to output or to a directory of
// this run's own. An assembly that is there already (given) is taken as it is: the one
// that was reviewed. It asks AWS nothing.
func (s *Session) synthesize(ctx context.Context, given, output, imageTag string) (Assembly, error) {
	made := Assembly{Dir: given}
	if given == "" {
		var err error
		if made.Dir, made.temporary, err = s.directory(output); err != nil {
			return Assembly{}, err
		}
		if err := s.writeTemplates(ctx, made.Dir, imageTag); err != nil {
			made.discard()
			return Assembly{}, err
		}
	}
	err := s.readAssembly(&made)
	if err != nil {
		made.discard()
	}
	return made, err
}

func (s *Session) readAssembly(made *Assembly) error {
	stacks, err := cfn.Read(made.Dir)
	if err != nil {
		return err
	}
	stacks = slices.DeleteFunc(stacks, func(stack cfn.Stack) bool {
		return !s.owns(stack)
	})
	if len(stacks) == 0 {
		return fmt.Errorf("no stack of %s in account %s in %s", s.Env.Name, s.Env.Site.Account, made.Dir)
	}
	if made.Stacks, err = cfn.InOrder(stacks); err != nil {
		return err
	}
	return made.seal()
}

// owns says that a stack is the environment's: an assembly may hold others.
func (s *Session) owns(stack cfn.Stack) bool {
	return stack.Account == s.Env.Site.Account && stack.Tags["Environment"] == s.Env.Name
}

func (s *Session) writeTemplates(ctx context.Context, dir, imageTag string) error {
	if err := s.CDK.present(); err != nil {
		return err
	}
	arguments := []string{"synth", "--quiet", "--output", dir, "-c", "env=" + s.Env.Name}
	if imageTag != "" {
		arguments = append(arguments, "-c", "imageTag="+imageTag)
	}
	s.Console.Say("synthesizing %s (image tag %s)", s.Env.Name, s.Env.Site.ImageTag)
	if err := s.runCDK(ctx, arguments...); err != nil {
		if interrupted(ctx) {
			return exit.With(exit.Interrupted, "interrupted while synthesizing: nothing was changed")
		}
		return exit.With(exit.Refused, "synthesis failed, nothing was changed: %w", err)
	}
	return nil
}

// find is the stack with a physical name.
func (a Assembly) find(name string) (cfn.Stack, bool) {
	for _, stack := range a.Stacks {
		if stack.Name == name {
			return stack, true
		}
	}
	return cfn.Stack{}, false
}

// outputTarget is the logical ID of the resource that an output refers to.
func outputTarget(template cfn.Template, output string) string {
	id, _ := cfn.Lookup(template.Outputs[output].Value, "Ref").(string)
	return id
}
