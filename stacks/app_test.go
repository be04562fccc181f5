package stacks

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/jsii-runtime-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

func TestATemplateThatAWSRefusesIsAnError(t *testing.T) {
	context, err := config.ReadContext("../cdk.json", nil)
	require.NoError(t, err)
	outdir := t.TempDir()
	t.Cleanup(jsii.Close)
	err = synthesize(func() {
		app := NewApp(context, outdir, nil)
		stack := awscdk.NewStack(app, new("Refused"), &awscdk.StackProps{
			Env: &awscdk.Environment{Account: new("111111111111"), Region: new("sa-east-1")},
		})
		awsrds.NewCfnDBCluster(stack, new("Cluster"), &awsrds.CfnDBClusterProps{
			Engine:                new("aurora-mysql"),
			BackupRetentionPeriod: jsii.Number(99), // AWS allows 35
		})
		app.Synth(nil)
	})
	report := filepath.Join(outdir, "validation-report.json")
	assert.ErrorContains(t, err, "synthesis failed: ValidationFailed: Validation failed.")
	assert.ErrorContains(t, err, report)
	assert.NotContains(t, err.Error(), "goroutine")
	assert.NotRegexp(t, `\n\s+at `, err.Error())
	content, err := os.ReadFile(report)
	require.NoError(t, err)
	assert.Contains(t, string(content), "BackupRetentionPeriod")
}

func TestPanicsOfTheCDKLibraryBecomePlainErrors(t *testing.T) {
	const trace = "Error: Bad thing\n    at least one subnet\n    at new Vpc (/a/b.js:1:2)\n    at Kernel.create (/c.js:33:44)\n"
	assert.EqualError(t, synthesize(func() { panic(errors.New(trace)) }), "synthesis failed: Error: Bad thing\n    at least one subnet")
	assert.EqualError(t, synthesize(func() { panic("text") }), "synthesis failed: text")
	assert.EqualError(t, synthesize(func() { panic("") }), "the CDK library failed without a message")
	assert.NoError(t, synthesize(func() {}))
}

func TestAMistakeInThisProgramKeepsItsTrace(t *testing.T) {
	assert.Panics(t, func() {
		_ = synthesize(func() {
			var empty []int
			_ = empty[len(os.Args)]
		})
	})
}
