package delivery

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"wallet-infra/internal/assembly"
	"wallet-infra/internal/exit"
)

// Assembly is one synthesis, from which everything of a command is read and
// deployed.
type Assembly struct {
	Dir    string
	Stacks []assembly.Stack // in the order of their deployment
}

// synthesize writes the environment's templates once. An assembly that is there
// already (given) is taken as it is: the one that was reviewed.
func (s *Session) synthesize(ctx context.Context, given, imageTag string) (Assembly, error) {
	dir := given
	if dir == "" {
		dir = filepath.Join(s.CDK.Dir, "build", "deploy", s.Env.Name)
		if err := s.writeTemplates(ctx, dir, imageTag); err != nil {
			return Assembly{}, err
		}
	}
	stacks, err := assembly.Read(dir)
	if err != nil {
		return Assembly{}, err
	}
	stacks = slices.DeleteFunc(stacks, func(stack assembly.Stack) bool {
		return !s.owns(stack)
	})
	if len(stacks) == 0 {
		return Assembly{}, fmt.Errorf("no stack of %s in account %s in %s", s.Env.Name, s.Env.Site.Account, dir)
	}
	ordered, err := inOrder(stacks)
	return Assembly{Dir: dir, Stacks: ordered}, err
}

// owns says that a stack is the environment's: an assembly may hold others.
func (s *Session) owns(stack assembly.Stack) bool {
	return stack.Account == s.Env.Site.Account && stack.Tags["Environment"] == s.Env.Name
}

func (s *Session) writeTemplates(ctx context.Context, dir, imageTag string) error {
	if err := s.CDK.present(); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	arguments := []string{"synth", "--quiet", "--output", dir, "-c", "env=" + s.Env.Name}
	if imageTag != "" {
		arguments = append(arguments, "-c", "imageTag="+imageTag)
	}
	s.Console.say("synthesizing %s (image tag %s)", s.Env.Name, s.Env.Site.ImageTag)
	if err := s.runCDK(ctx, arguments...); err != nil {
		if interrupted(ctx) {
			return exit.With(exit.Interrupted, "interrupted while synthesizing: nothing was changed")
		}
		return exit.With(exit.Refused, "synthesis failed, nothing was changed: %w", err)
	}
	return nil
}

// find is the stack with a physical name.
func (a Assembly) find(name string) (assembly.Stack, bool) {
	for _, stack := range a.Stacks {
		if stack.Name == name {
			return stack, true
		}
	}
	return assembly.Stack{}, false
}

// outputTarget is the logical ID of the resource that an output refers to.
func outputTarget(template assembly.Template, output string) string {
	found, _ := template.Outputs[output].(map[string]any)
	value, _ := found["Value"].(map[string]any)
	id, _ := value["Ref"].(string)
	return id
}
