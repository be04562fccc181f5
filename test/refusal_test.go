package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/jsii-runtime-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/synthesis"
	"wallet-infra/stacks"
)

func TestATemplateThatAWSRefusesIsAnError(t *testing.T) {
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(t, err)
	dir := t.TempDir()
	err = synthesis.Run(func() {
		app := stacks.NewApp(context, dir, nil)
		stack := awscdk.NewStack(app, new("Refused"), &awscdk.StackProps{
			Env: &awscdk.Environment{Account: new("111111111111"), Region: new("sa-east-1")},
		})
		awsrds.NewCfnDBCluster(stack, new("Cluster"), &awsrds.CfnDBClusterProps{
			Engine:                new("aurora-mysql"),
			BackupRetentionPeriod: jsii.Number(99), // AWS allows 35
		})
		app.Synth(nil)
	})
	report := filepath.Join(dir, "validation-report.json")
	assert.ErrorContains(t, err, "synthesis failed: ValidationFailed: Validation failed.")
	assert.ErrorContains(t, err, report)
	assert.NotContains(t, err.Error(), "goroutine")
	assert.NotRegexp(t, `\n\s+at `, err.Error())
	content, err := os.ReadFile(report)
	require.NoError(t, err)
	assert.Contains(t, string(content), "BackupRetentionPeriod")
}

// Under `go test` too: a panic would end every other test with it.
func TestWhatCDKRefusesFailsTheTestThatAskedAlone(t *testing.T) {
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
