package procedures

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/changes"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/exit"
)

// holdsMore is a world in which a bucket stands that the templates no longer have.
func holdsMore(t *testing.T) *world {
	w := newWorld(t)
	data := w.stacks["wallet-staging-data"]
	data.template = strings.Replace(data.template, `{"Resources": {`, `{"Resources": {"Old": {"Type": "AWS::S3::Bucket"}, `, 1)
	return w
}

// --yes was written before anybody knew what the deployment would destroy.
func TestAYesIsNoConsentToALoss(t *testing.T) {
	for name, row := range map[string]struct {
		input    string
		terminal bool
		options  deploy.Options
		status   exit.Status
	}{
		"yes without a terminal":     {"", false, deploy.Options{Yes: true}, exit.Refused},
		"no yes, no terminal":        {"staging\n", false, deploy.Options{}, exit.Refused},
		"yes, a person says yes":     {"yes\n", true, deploy.Options{Yes: true}, exit.Declined},
		"yes, nobody answers":        {"", true, deploy.Options{Yes: true}, exit.Declined},
		"yes, a person means it":     {"staging\n", true, deploy.Options{Yes: true}, exit.Done},
		"a person means it":          {"staging\n", true, deploy.Options{}, exit.Done},
		"another stack is deployed":  {"", false, deploy.Options{Yes: true, Stacks: []string{"Network"}}, exit.Done},
		"it is only looked at":       {"", false, deploy.Options{DryRun: true}, exit.Done},
		"looked at in the other way": {"", false, deploy.Options{DryRun: true, Yes: true}, exit.Done},
	} {
		t.Run(name, func(t *testing.T) {
			w := holdsMore(t)
			out, err := w.run(row.input, row.terminal, func(ctx context.Context, s session) error { return s.Deploy(ctx, row.options) })
			assert.Equal(t, row.status, exit.Of(err), "%s\n%v", out, err)
			assert.Equal(t, row.status == exit.Done && !row.options.DryRun, len(w.deployed()) > 0)
			if row.options.Stacks == nil {
				assert.Contains(t, out, "destroys state: wallet-staging-data Old AWS::S3::Bucket")
			}
			if row.status == exit.Refused {
				assert.ErrorContains(t, err, "put them into "+changes.AcknowledgedFile)
			}
		})
	}
}

// A replacement loses nothing that is stateful, and takes what runs away all the same.
func TestAYesIsNoConsentToAReplacement(t *testing.T) {
	w := newWorld(t)
	network := w.stacks["wallet-staging-network"]
	network.template = strings.Replace(network.template, `"AWS::EC2::VPC"}`, `"AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}}`, 1)
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "replaces: wallet-staging-network Vpc AWS::EC2::VPC")
	assert.Empty(t, w.deployed())
}

// acknowledge is a deployment of a checkout that acknowledges some changes.
func acknowledge(t *testing.T, verdict, quoted string) func(context.Context, session) error {
	return func(ctx context.Context, s session) error {
		path := filepath.Join(s.CDK.Dir, changes.AcknowledgedFile)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		entry := "acknowledged:\n  - {stack: wallet-staging-data, resource: Old, verdict: " + verdict + ", changes: [" + quoted + "], reason: nobody reads it any more}\n"
		require.NoError(t, os.WriteFile(path, []byte(entry), 0o600))
		return s.Deploy(ctx, deploy.Options{Yes: true})
	}
}

func TestOnlyAReviewedEntryOfExactlyThisLossLetsAPipelineGoOn(t *testing.T) {
	w := holdsMore(t)
	out, err := w.run("", false, func(ctx context.Context, s session) error { return s.Deploy(ctx, deploy.Options{DryRun: true}) })
	require.NoError(t, err)
	quoted := regexp.MustCompile(`\[([0-9a-f]{12})\]`).FindStringSubmatch(out)
	require.NotNil(t, quoted, out)

	out, err = w.run("", false, acknowledge(t, "destroys", `"000000000000"`))
	assert.Equal(t, exit.Refused, exit.Of(err), out)
	out, err = w.run("", false, acknowledge(t, "replaces", `"`+quoted[1]+`"`))
	assert.Equal(t, exit.Refused, exit.Of(err), out)
	out, err = w.run("", false, acknowledge(t, "nothing", `"`+quoted[1]+`"`))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "what changes could not be judged")
	assert.Empty(t, w.deployed())

	out, err = w.run("", false, acknowledge(t, "destroys", `"`+quoted[1]+`"`))
	require.NoError(t, err, out)
	assert.Contains(t, out, "acknowledged: nobody reads it any more")
	assert.Len(t, w.deployed(), 7)
}

// The reviewer of a change set must see what it destroys, and its execution is no
// way around.
func TestAReviewShowsALossAndItsExecutionNeedsMoreThanAYes(t *testing.T) {
	w := holdsMore(t)
	path := ""
	out, err := w.run("", false, func(ctx context.Context, s session) error {
		output := filepath.Join(s.CDK.Dir, "reviewed")
		path = filepath.Join(output, "prepared.json")
		return s.Prepare(ctx, "r42", deploy.Options{Output: output})
	})
	require.NoError(t, err, out)
	assert.Contains(t, out, "destroys state: wallet-staging-data Old")
	w.cdk = nil
	_, err = w.run("", false, execute(path))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Empty(t, w.deployed())
	out, err = w.run("staging\n", true, execute(path))
	require.NoError(t, err, out)
	assert.Equal(t, []string{"Data"}, w.deployed())
}

// What cannot be read is not taken for safe.
func TestADeployedTemplateThatCannotBeJudgedStopsTheDeployment(t *testing.T) {
	w := newWorld(t)
	w.stacks["wallet-staging-data"].template = "AWSTemplateFormatVersion: in YAML"
	out, err := w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "what changes could not be judged")
	assert.Contains(t, out, "wallet-staging-data: not a JSON object")

	w = newWorld(t)
	w.errors["cloudformation GetTemplate"] = "AccessDenied"
	out, err = w.run("", false, deploying("1.1.0"))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.Contains(t, out, "CloudFormation GetTemplate: not permitted")
	assert.Empty(t, w.deployed())
}

// Every release is deployed with --yes and nobody at a terminal.
func TestARoutineReleaseNeedsNoAcknowledgement(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("", false, deploying("1.1.0"))
	require.NoError(t, err, out)
	assert.Contains(t, out, "0 findings need an acknowledgement")
}
