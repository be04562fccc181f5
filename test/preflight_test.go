package test

import (
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

// preflight asks cdk-preflight about cloud assemblies, as `make lint` does about the
// committed environments, and returns its findings, a line each.
func preflight(t *testing.T, directories ...string) []string {
	t.Helper()
	judge := exec.Command("node", append([]string{"../scripts/preflight.mjs"}, directories...)...)
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

// refusedByEC2 is an assembly with one stack, whose security group has the apostrophe
// that once would have ended the first deployment.
func refusedByEC2(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	write("manifest.json", `{"artifacts": {"stack": {"type": "aws:cloudformation:stack", "displayName": "Refused",
		"environment": "aws://111111111111/sa-east-1", "properties": {"templateFile": "template.json"}}}}`)
	write("template.json", `{"Resources": {"Rule": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {
		"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "10.0.0.0/8",
		"Description": "Prometheus reads the tasks' metrics"}}}}`)
	return dir
}

// The committed environments are judged by make lint.
func TestAnAlteredEnvironmentCanBeCreatedAsFarAsCdkPreflightKnows(t *testing.T) {
	dir := altered(t, replicating()).dir
	t.Parallel()
	findings := preflight(t, refusedByEC2(t), dir)
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
