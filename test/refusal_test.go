package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/stacks"
)

// A misspelt property would be left out by AWS, or end the deployment; a missing one
// ends it. Nothing that CDK's constructs acknowledge may hide either, in any stack.
func TestAMisspeltOrMissingPropertyOfAnyStackFailsTheSynthesis(t *testing.T) {
	t.Parallel()
	if os.Getenv("CDK_VALIDATION") == "false" {
		t.Skip("CDK_VALIDATION=false switches AWS's validator off")
	}
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(t, err)
	context["aws:cdk:bundling-stacks"] = []string{}
	dir := t.TempDir()
	// The findings are meant: on a person's screen they would look like the fault that
	// another test has found.
	screen := os.Stderr
	os.Stderr, err = os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	t.Cleanup(func() { os.Stderr = screen })
	var sabotaged []string
	library.Lock()
	err = stacks.Synthesize(func() {
		app := stacks.NewApp(context, dir, config.All())
		for _, stage := range *app.Node().Children() {
			for _, stack := range *stage.Node().Children() {
				scope, ok := stack.(constructs.Construct)
				require.True(t, ok)
				sabotaged = append(sabotaged, *stack.Node().Path())
				awscdk.NewCfnResource(scope, new("Misspelt"), &awscdk.CfnResourceProps{
					Type: new("AWS::SNS::Topic"), Properties: &map[string]any{"DisplayNamee": "Alarms"},
				})
				awscdk.NewCfnResource(scope, new("Missing"), &awscdk.CfnResourceProps{
					Type: new("AWS::SNS::Subscription"), Properties: &map[string]any{"TopicArn": "arn:aws:sns:sa-east-1:123456789012:alarms"},
				})
			}
		}
		app.Synth(nil)
	})
	library.Unlock()
	report := filepath.Join(dir, "validation-report.json")
	require.ErrorContains(t, err, "synthesis failed: ValidationFailed: Validation failed.")
	require.ErrorContains(t, err, report)
	assert.NotContains(t, err.Error(), "goroutine")
	assert.NotRegexp(t, `\n\s+at `, err.Error())

	findings, err := cfn.Findings(dir)
	require.NoError(t, err)
	objections := map[string][]string{}
	for _, finding := range findings {
		objections[finding.Construct] = append(objections[finding.Construct], finding.Description)
	}
	require.NotEmpty(t, sabotaged)
	for _, stack := range sabotaged {
		assert.Containsf(t, strings.Join(objections[stack+"/Misspelt"], "\n"), "DisplayNamee", "%s: a misspelt property passes", stack)
		assert.Containsf(t, strings.Join(objections[stack+"/Missing"], "\n"), "Protocol", "%s: a missing property passes", stack)
	}
}

// Under `go test` too: a panic would end every other test with it.
func TestWhatCDKRefusesFailsTheTestThatAskedAlone(t *testing.T) {
	t.Parallel()
	err := refusal(func() {
		stack := awscdk.NewStack(awscdk.NewApp(&awscdk.AppProps{Outdir: new(t.TempDir())}), new("Refused"), nil)
		awscdk.NewStack(stack, new("not a name"), nil)
		awscdk.NewStack(stack, new("not a name"), nil)
	})
	assert.ErrorContains(t, err, "There is already a Construct with name 'not a name'")
	var missing *awscdk.StackProps
	assert.ErrorContains(t, refusal(func() { _ = missing.Env }), "nil pointer")
	assert.NoError(t, refusal(func() {}))
}

// complaints keeps what a test would have failed with.
type complaints []string

func (c *complaints) Errorf(format string, arguments ...any) {
	*c = append(*c, fmt.Sprintf(format, arguments...))
}

func TestAPanicInOneTestLeavesTheOthers(t *testing.T) {
	var said complaints
	func() {
		defer contained(&said)
		_ = []int{}[len(said)]
	}()
	require.Len(t, said, 1)
	assert.Contains(t, said[0], "index out of range")
	assert.Contains(t, said[0], "refusal_test.go")
}
