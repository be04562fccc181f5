package policy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// one is a policy of one statement.
func one(statement string) []Grant { return Read(`{"Statement": [` + statement + `]}`) }

// The rows are sentences of the IAM User Guide: "Policy evaluation logic",
// "Condition operators" (what a missing key means), "NotAction", "NotResource".
func TestAPolicyAnswersAsIAMDoes(t *testing.T) {
	const everything = `{"Effect": "Allow", "Action": "*", "Resource": "*"},`
	call := Call{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: map[string]string{"aws:a": "x"}}
	for name, c := range map[string]struct {
		statements string
		allows     bool
	}{
		"nothing is allowed by default":                     {`{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}`, false},
		"actions have no case, and wildcards":               {`{"Effect": "Allow", "Action": "S3:get*", "Resource": "arn:aws:s3:::b/*"}`, true},
		"another resource":                                  {`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::c/*"}`, false},
		"a denial wins":                                     {everything + `{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}`, false},
		"a denial of something else":                        {everything + `{"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}`, true},
		"a denial of all but this":                          {everything + `{"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"}`, true},
		"a denial of all resources but others":              {everything + `{"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::c/*"}`, false},
		"a key with another value":                          {`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:A": "y"}}}`, false},
		"one of several values":                             {`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:A": ["y", "x"]}}}`, true},
		"a missing key is not equal":                        {`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:B": "x"}}}`, false},
		"a missing key is unequal, so the denial holds":     {everything + `{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:B": "x"}}}`, false},
		"the wanted value, so the denial does not hold":     {everything + `{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:A": "x"}}}`, true},
		"a missing key passes IfExists":                     {`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"BoolIfExists": {"aws:B": "true"}}}`, true},
		"a key that is there is not null":                   {everything + `{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Null": {"aws:A": "false"}}}`, false},
		"a key that is missing is null":                     {everything + `{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Null": {"aws:B": "false"}}}`, true},
		"all conditions must hold":                          {`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:A": "x"}, "Bool": {"aws:B": "true"}}}`, false},
		"an operator that is not known here allows not":     {`{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:A": "x"}}}`, false},
		"an operator that is not known here denies":         {everything + `{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:A": "x"}}}`, false},
		"a policy that is text, put together from pieces":   {`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`, true},
		"a statement without an effect says nothing at all": {`{"Action": "*", "Resource": "*"}`, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.allows, Allows(one(c.statements), call)) })
	}
}

func TestPatternsOverlapWhereSomethingMatchesBoth(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a*", "*b", true}, {"a*c", "ab*", true}, {"a?c", "abc", true}, {"", "*", true}, {"a*", "b*", false}, {"a", "a?", false}, {"*x", "y", false},
		{"a${Bucket.Arn}", "abc", true}, {"${!Bucket}", "abc", false}, {"${*}", "abc", true}, {"x${A}", "y${A}", false},
		{strings.Repeat("*a", 40), strings.Repeat("*b", 40) + "c", false},
	} {
		assert.Equalf(t, c.want, Overlap(c.a, c.b), "%s %s", c.a, c.b)
		assert.Equalf(t, c.want, Overlap(c.b, c.a), "%s %s", c.b, c.a)
	}
}

// What is only known in the account is matched by a * or by itself: a wildcard inside
// its name, and a ? for each of its letters, are none.
func TestAPatternMatchesNoMoreThanItSays(t *testing.T) {
	for _, c := range []struct {
		outer, inner string
		want         bool
	}{
		{"a*", "a${Bucket.Arn}", true}, {"${Bucket.Arn}/*", "${Bucket.Arn}/a", true}, {"????", "${A}", false}, {"?", "é", true}, {"?", "*", false},
		{"${*}", "${Bucket}", false}, {"${*}x*", "${*}xy", true}, {"${A}", "${!A}", false}, {"${!A}*", "${A}x", false}, {"${aws:username}/*", "${aws:username}/a", true},
	} {
		assert.Equalf(t, c.want, Matches(c.outer, c.inner), "%s %s", c.outer, c.inner)
	}
}

func TestAFunctionsPermissionIsReadAsItsPolicy(t *testing.T) {
	grants := Statement(OfPermission(map[string]any{"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "999999999999", "PrincipalOrgID": "o-1"}))
	assert.Equal(t, "account 999999999999", grants[0].Principal.String())
	assert.Equal(t, "aws:principalorgid StringEquals o-1", grants[0].Conditions[0].String())
	grants = Statement(OfPermission(map[string]any{"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b"}))
	assert.Equal(t, "Service s3.amazonaws.com", grants[0].Principal.String())
	assert.Equal(t, "aws:sourcearn ArnLike arn:aws:s3:::b", grants[0].Conditions[0].String())
}
