package procedures

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/deploy"
)

// policyChanges is a world in which a role's policy and its trust stand otherwise than
// the templates say.
func policyChanges(t *testing.T) *world {
	w := newWorld(t)
	stack := w.stacks["wallet-staging-global"]
	stack.template = strings.NewReplacer(`"s3:GetObject"`, `"s3:GetObjectTagging"`, `lambda.amazonaws.com`, `ecs.amazonaws.com`).Replace(stack.template)
	return w
}

func accessing(options deploy.Options) func(context.Context, session) error {
	return func(ctx context.Context, s session) error { return s.Deploy(ctx, options) }
}

// The answers are those of API_CheckNoNewAccess and its errors:
// https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html
func TestWhatAWSSaysOfPoliciesStandsBesideTheReview(t *testing.T) {
	const call = "access-analyzer CheckNoNewAccess"
	for name, row := range map[string]struct {
		verdict object
		code    string
		none    string
		says    []string
		never   []string
	}{
		"nothing new": {object{"result": "PASS", "message": "no new access"}, "", "2 policies grant nothing new", nil, []string{"may grant", "unknown"}},
		"new access": {object{"result": "FAIL", "message": "The modified permissions grant new access", "reasons": array{object{"description": "New access in the statement with index: 0.", "statementIndex": 0}}}, "",
			"0 policies grant nothing new", []string{"may grant new access:", "wallet-staging-global Reader: The modified permissions grant new access; New access in the statement with index: 0.",
				"wallet-staging-global Reader trust: "}, []string{"unknown", "NO RULE HERE SAYS SO"}},
		"an answer that nobody knows":   {object{"result": "PERHAPS"}, "", "0 policies grant nothing new", []string{"unknown, because AWS gave no answer", `Reader: the answer is "PERHAPS"`}, []string{"may grant"}},
		"no answer":                     {object{}, "", "0 policies grant nothing new", []string{`Reader: the answer is ""`}, []string{"may grant"}},
		"throttled":                     {nil, "ThrottlingException", "0 policies grant nothing new", []string{"unknown, because AWS gave no answer", "Reader trust: not asked any more"}, []string{"may grant"}},
		"no permission":                 {nil, "AccessDeniedException", "0 policies grant nothing new", []string{"unknown, because AWS gave no answer", "CheckNoNewAccess"}, []string{"may grant"}},
		"an outage":                     {nil, "InternalServerException", "0 policies grant nothing new", []string{"unknown, because AWS gave no answer"}, []string{"may grant"}},
		"a policy that cannot be read":  {nil, "UnprocessableEntityException", "0 policies grant nothing new", []string{"Reader: ", "Reader trust: "}, []string{"may grant", "not asked any more"}},
		"a policy that is not accepted": {nil, "ValidationException", "0 policies grant nothing new", []string{"Reader: ", "Reader trust: "}, []string{"may grant", "not asked any more"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := policyChanges(t)
			w.verdict, w.errors[call] = row.verdict, row.code
			out, err := w.runIn(context.Background(), protectedStaging(w), "", false, accessing(deploy.Options{Yes: true}))
			require.NoError(t, err, "an answer, or none, is for the reader: %s", out)
			assert.Contains(t, out, row.none)
			for _, said := range row.says {
				assert.Contains(t, out, said)
			}
			for _, said := range row.never {
				assert.NotContains(t, out, said)
			}
		})
	}
}

// What AWS alone finds is told apart: for the rules here, this role may do less.
func TestAFindingOfAWSAloneIsNotReadAsOneOfTheRules(t *testing.T) {
	w := newWorld(t)
	stack := w.stacks["wallet-staging-global"]
	stack.template = strings.Replace(stack.template, `"s3:GetObject"`, `["s3:GetObject", "s3:ListBucket"]`, 1)
	w.verdict = object{"result": "FAIL", "message": "m"}
	out, err := w.runIn(context.Background(), protectedStaging(w), "", false, accessing(deploy.Options{Yes: true}))
	require.NoError(t, err, out)
	assert.Contains(t, out, "Reader: m; NO RULE HERE SAYS SO")
}

func TestAWSIsAskedWithTheSameNamesOnBothSidesAndOnlyWhereItHasTwo(t *testing.T) {
	w := policyChanges(t)
	stack := w.stacks["wallet-staging-global"]
	stack.template = strings.Replace(stack.template, `{"Fn::Sub": "${Assets.Arn}/*"}`, `{"Fn::Join": ["/", [{"Fn::GetAtt": ["Assets", "Arn"]}, "*"]]}`, 1)
	w.verdict = object{"result": "PASS"}
	_, err := w.runIn(context.Background(), protectedStaging(w), "", false, accessing(deploy.Options{DryRun: true}))
	require.NoError(t, err)
	require.Len(t, w.compared, 2)
	var before, after object
	require.NoError(t, json.Unmarshal(fmt.Append(nil, w.compared[0]["existingPolicyDocument"]), &before))
	require.NoError(t, json.Unmarshal(fmt.Append(nil, w.compared[0]["newPolicyDocument"]), &after))
	statement := func(document object) object { return first(document["Statement"]) }
	assert.Equal(t, "IDENTITY_POLICY", w.compared[0]["policyType"])
	assert.Equal(t, "arn:aws:s3:::wallet-staging-global-Assets/*", statement(after)["Resource"])
	assert.Equal(t, statement(before)["Resource"], statement(after)["Resource"])
	assert.Equal(t, "s3:GetObjectTagging", statement(before)["Action"])
	assert.Equal(t, "RESOURCE_POLICY", w.compared[1]["policyType"])

	w = newWorld(t)
	stack = w.stacks["wallet-staging-global"]
	stack.template = strings.Replace(stack.template, `"Reader"`, `"Other"`, 1)
	out, err := w.runIn(context.Background(), protectedStaging(w), "", false, accessing(deploy.Options{DryRun: true}))
	require.NoError(t, err, out)
	assert.Empty(t, w.compared, "there is nothing to compare with")
	assert.Contains(t, out, "new or gone, so that AWS has nothing to compare with")
	assert.Contains(t, out, "wallet-staging-global Reader trust")
	assert.Contains(t, out, "wallet-staging-global Other trust", "a policy that goes, which may have denied, is told to nobody")
	assert.Contains(t, out, "0 policies grant nothing new", "what goes is counted for safe")
}

func TestNothingIsAskedWhereNothingChangesOrNothingIsProtected(t *testing.T) {
	w := newWorld(t)
	out, err := w.runIn(context.Background(), protectedStaging(w), "", false, accessing(deploy.Options{DryRun: true}))
	require.NoError(t, err, out)
	assert.NotContains(t, out, "Access Analyzer")
	w = policyChanges(t)
	_, err = w.run("", false, accessing(deploy.Options{DryRun: true}))
	require.NoError(t, err)
	assert.Empty(t, w.compared)
}
