package delivery

import (
	"encoding/json"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/stacks"
)

// reads are the outputs of other stacks that a stack's template refers to
// (Fn::GetStackOutput), by those stacks' names. CloudFormation resolves them
// when a change set is made, and does not notice when they change later.
func reads(stack cfn.Stack) map[string][]string {
	found := map[string][]string{}
	var template any
	if json.Unmarshal(stack.Raw, &template) == nil {
		collectReads(template, found)
	}
	return found
}

func collectReads(node any, found map[string][]string) {
	switch value := node.(type) {
	case []any:
		for _, item := range value {
			collectReads(item, found)
		}
	case map[string]any:
		if reference, ok := value["Fn::GetStackOutput"].(map[string]any); ok {
			name, _ := reference["StackName"].(string)
			output, _ := reference["OutputName"].(string)
			found[name] = append(found[name], output)
			return
		}
		for _, item := range value {
			collectReads(item, found)
		}
	}
}

// readsChanged says that one of the outputs a stack reads differs between two
// looks at the stacks that have them.
func readsChanged(stack cfn.Stack, before, after map[string]stacks.Live) bool {
	for name, outputs := range reads(stack) {
		for _, output := range outputs {
			if later, looked := after[name]; looked && later.Outputs[output] != before[name].Outputs[output] {
				return true
			}
		}
	}
	return false
}
