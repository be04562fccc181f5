package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/drill"
	"wallet-infra/internal/exit"
)

// drive runs the command with an answer to its question, and returns its output.
func drive(t *testing.T, answer string, arguments ...string) (string, error) {
	t.Helper()
	return call(answer, true, append([]string{"production", "drill"}, arguments...)...)
}

// ofProduction is the account that holds production's plans.
var (
	ofProduction = config.Production().Site.Account
	arn          = "arn:aws:arc-region-switch::" + ofProduction + ":plan/wallet-production-failover:abc123"
)

// realAccount stands for a real one: what Region switch answers, by operation, where
// STS and CloudFormation know the caller and the plans that are given.
func realAccount(t *testing.T, plans ...string) map[string]cbor.Map {
	t.Helper()
	answers := map[string]cbor.Map{
		"GetPlanEvaluationStatus": {"planArn": cbor.String(arn), "evaluationState": cbor.String("passed"),
			"lastEvaluationTime": &cbor.Tag{ID: 1, Value: cbor.Float64(time.Now().Unix())}},
		"StartPlanExecution": {"executionId": cbor.String("e1")},
		"GetPlanExecution": {"executionState": cbor.String("pendingManualApproval"), "stepStates": cbor.List{
			cbor.Map{"name": cbor.String("approve"), "status": cbor.String("pendingApproval")}}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.FormValue("Action") {
		case "GetCallerIdentity":
			fmt.Fprintf(w, "<R><GetCallerIdentityResult><Account>%[1]s</Account><Arn>arn:aws:iam::%[1]s:user/u</Arn></GetCallerIdentityResult></R>", ofProduction)
		case "ListStackResources":
			fmt.Fprint(w, "<R><ListStackResourcesResult><StackResourceSummaries>")
			for _, plan := range plans {
				fmt.Fprintf(w, "<member><PhysicalResourceId>arn:aws:arc-region-switch::%s:plan/wallet-production-%s:abc123</PhysicalResourceId></member>", ofProduction, plan)
			}
			fmt.Fprint(w, "</StackResourceSummaries></ListStackResourcesResult></R>")
		default:
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
			_, _ = w.Write(cbor.Encode(answers[path.Base(r.URL.Path)])) // the client is the test
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": ofProduction, "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	return answers
}

// The nightly workflow asks, and its failure is how people learn of it.
func TestWhatRegionSwitchSaysOfThePlansIsAskedInBothRegions(t *testing.T) {
	realAccount(t, "failover", "failback", "traffic")
	out, err := drive(t, "", "evaluation", "--as-caller")
	require.NoError(t, err, out)
	for _, plan := range []string{"failover", "failback", "traffic"} {
		assert.Contains(t, out, plan+" in sa-east-1: passed")
		assert.Contains(t, out, plan+" in us-east-1: passed")
	}
	out, err = call("", true, "staging", "drill", "evaluation")
	require.NoError(t, err)
	assert.Contains(t, out, "staging has no Region switch plan")
}

func TestAPlanThatWouldNotGoThroughIsFoundByDay(t *testing.T) {
	answers := realAccount(t, "failover", "traffic")
	answers["GetPlanEvaluationStatus"]["evaluationState"] = cbor.String("actionRequired")
	_, err := drive(t, "", "evaluation", "--as-caller")
	assert.Equal(t, exit.Found, exit.Of(err))
	assert.ErrorContains(t, err, `failover: the plan's evaluation by Region switch in us-east-1: want passed, got "actionRequired"`)
	assert.ErrorContains(t, err, "the plan failback is not deployed")
}

func TestARealPlanIsNotStartedWithoutTheWord(t *testing.T) {
	realAccount(t)
	directory := t.TempDir()
	for _, answer := range []string{"", "y\n", "yes\n", "sa-east-1\n"} {
		out, err := drive(t, answer, "follow", "--plan-arn", arn, "--output", directory)
		assert.ErrorIs(t, err, errNotStarted)
		assert.Contains(t, out, "in a real account")
	}
	left, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestARealPlanIsStartedWithTheWordAndLeftToThePerson(t *testing.T) {
	realAccount(t)
	directory := t.TempDir()
	out, err := drive(t, "us-east-1\n", "follow", "--plan-arn", arn, "--output", directory, "--wait", "0s")
	assert.ErrorIs(t, err, drill.ErrUnfinished)
	assert.Contains(t, out, "approve waits for a person")
	left, err := filepath.Glob(filepath.Join(directory, "execution-*.json"))
	require.NoError(t, err)
	assert.Len(t, left, 1, "the evidence of what was started")
}
