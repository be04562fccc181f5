package release

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// hook is a function and the stage of a deployment at which ECS calls it.
type hook struct {
	stage    string
	function awslambda.Function
	// details reach the function with every call.
	details map[string]any
}

// callFrom lets ECS call the functions in the service's deployments. CDK's own way
// to do so has no details, and would let ECS call every version of a function.
func callFrom(scope constructs.Construct, service constructs.Node, hooks []hook) {
	var functions []string
	for _, h := range hooks {
		functions = append(functions, *h.function.FunctionArn())
	}
	call := policy.NewManaged(scope, "HookPolicy", policy.Allow("CallHooks", functions, "lambda:InvokeFunction"))
	role := awsiam.NewRole(scope, new("HookRole"), &awsiam.RoleProps{
		Description:     new("Calls the functions that take part in deployments of the wallet service"),
		AssumedBy:       value.Service("ecs.amazonaws.com"),
		ManagedPolicies: &[]awsiam.IManagedPolicy{call},
	})
	var list []any
	arn := *role.RoleArn()
	for i, h := range hooks {
		property := map[string]any{
			"HookTargetArn": functions[i], "LifecycleStages": []string{h.stage}, "RoleArn": arn,
		}
		if h.details != nil {
			property["HookDetails"] = h.details
		}
		list = append(list, property)
	}
	service.DefaultChild().(awsecs.CfnService).AddPropertyOverride(new("DeploymentConfiguration.LifecycleHooks"), list)
}
