package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/registry"
)

// Registry holds the image repositories of a region. It comes before everything
// that pulls from them: an ECS service whose image is missing holds its stack up for
// hours.
type Registry struct {
	Stack  awscdk.Stack
	Images registry.Registry
}

// NewRegistry builds the repositories of a region. In standby the primary region's
// copy what is pushed into the second region's.
func NewRegistry(stage awscdk.Stage, env config.Environment, id string, region config.Region) Registry {
	stack := newStack(stage, env, id, region, "The image repositories")
	props := registry.Props{Names: env.Names(), Registry: env.Registry}
	if env.DR.Mode == config.DRStandby && region.Name == env.Primary.Name {
		props.CopyTo = env.Secondary.Name
	}
	return Registry{Stack: stack, Images: registry.New(stack, props)}
}
