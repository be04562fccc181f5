package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// preflight asks cdk-preflight about a cloud assembly, as `make lint` does about the
// committed environments, and returns its findings, a line each.
func preflight(t *testing.T, directory string) []string {
	t.Helper()
	judge := exec.Command("node", "../scripts/preflight.mjs", directory)
	var complaints strings.Builder
	judge.Stderr = &complaints
	printed, err := judge.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && len(printed) > 0 {
		return strings.Split(strings.TrimSpace(string(printed)), "\n")
	}
	require.NoErrorf(t, err, "cdk-preflight did not judge: %s", complaints.String())
	return nil
}

// refusedByEC2 has the apostrophe in a security group's rule that once would have ended
// the first deployment.
const refusedByEC2 = `{"Resources": {"Rule": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {
	"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8",
	"Description": "Prometheus reads the tasks' metrics"}}}}`

// The committed environments are judged by make lint, and with them each template that
// is the same in the altered one.
func TestAnAlteredEnvironmentCanBeCreatedAsFarAsCdkPreflightKnows(t *testing.T) {
	t.Parallel()
	env := altered(t, replicating())
	dir, artifacts := t.TempDir(), map[string]any{}
	add := func(name string, stack template, content []byte) {
		artifacts[name] = map[string]any{
			"type": "aws:cloudformation:stack", "displayName": name,
			"environment": "aws://" + stack.account + "/" + stack.region, "properties": map[string]any{"templateFile": name},
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	for short, stack := range env.stacks {
		if string(stack.raw) != string(platform(t)[env.Name].stack(t, short).raw) {
			add(short, stack, stack.raw)
		}
	}
	add("Refused", env.stack(t, "messaging"), []byte(refusedByEC2))
	require.Contains(t, artifacts, "dr-messaging", "where the replicator is")
	manifest, err := json.Marshal(map[string]any{"artifacts": artifacts})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o600))
	findings := preflight(t, dir)
	// The judge takes each template for a creation. The replicator runs from the third
	// deployment on, and the cluster whose connectivity it needs exists since the first.
	later := "pf-msk-vpc-connectivity-auth-not-at-create: Production/Messaging/Cluster: "
	var known, unknown []string
	for _, finding := range findings {
		if strings.HasPrefix(finding, later) || strings.HasPrefix(finding, "pf-ec2-sg-rule-description: Refused: ") {
			known = append(known, finding)
		} else {
			unknown = append(unknown, finding)
		}
	}
	assert.Empty(t, unknown, "AWS refuses it")
	assert.Contains(t, fmt.Sprint(known), "pf-ec2-sg-rule-description: Refused: ", "the judge no longer finds what EC2 refuses")
	assert.Contains(t, fmt.Sprint(known), later, "the exception is not needed any more")
}

// A wrong character in a description of a rule ends a deployment, and the schema of the
// resource takes it: the rules of the API are in
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html and
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
func TestEverySecurityGroupSaysWhatItAllowsInCharactersThatEC2Takes(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		judged := 0
		check := func(where, text any) {
			judged++
			assert.Regexpf(t, `^[a-zA-Z0-9. _\-:/()#,@\[\]+=;{}!$*]{1,255}$`, text, "%s", where)
		}
		for _, found := range env.everywhere("AWS::EC2::SecurityGroup") {
			check(found.id, found.Properties["GroupDescription"])
			for _, direction := range []string{"SecurityGroupIngress", "SecurityGroupEgress"} {
				rules, _ := found.Properties[direction].([]any)
				for i := range rules {
					check(found.id, at(rules, i, "Description"))
				}
			}
		}
		for _, kind := range []string{"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"} {
			for _, found := range env.everywhere(kind) {
				check(found.id, found.Properties["Description"])
			}
		}
		assert.Greater(t, judged, 20)
	})
}
