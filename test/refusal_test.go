package test

import (
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
