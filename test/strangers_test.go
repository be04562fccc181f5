package test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/policy"
)

// elsewhere finds a number that could be an account's.
var elsewhere = regexp.MustCompile(`(?:^|[^0-9A-Za-z])(\d{12})(?:$|[^0-9A-Za-z])`)

// An account in any property of any resource, also one that is put together from
// pieces: a grantee, a principal in a condition, the owner of a target.
func TestNothingNamesAnotherAccount(t *testing.T) {
	t.Parallel()
	for _, stack := range everyTemplate(t) {
		t.Run(stack.name, func(t *testing.T) {
			for id, r := range stack.Resources {
				eachText(cfn.Normalize(r.Properties), func(text string) {
					for _, match := range elsewhere.FindAllStringSubmatch(text, -1) {
						assert.Equalf(t, stack.account, match[1], "%s (%s): what may another account do with it? %s", id, r.Type, text)
					}
				})
			}
		})
	}
}

// eachText visits the texts of a normalized value, those that functions put
// together as they will be.
func eachText(value any, visit func(text string)) {
	switch form := value.(type) {
	case map[string]any:
		if cfn.IsIntrinsic(form) {
			visit(cfn.Render(form))
		}
		for _, inner := range form {
			eachText(inner, visit)
		}
	case []any:
		for _, inner := range form {
			eachText(inner, visit)
		}
	case string:
		visit(form)
	}
}

func TestNoPolicyLetsAStrangerIn(t *testing.T) {
	t.Parallel()
	eachGrant(t, func(t *testing.T, h policyHolder, g policy.Grant) {
		assert.Emptyf(t, stranger(h.stack.account, h.resource.Type, g), "%s: %s", h, written(g))
	})
}

// Somebody's policy may stand in a parameter or behind another reference, where
// nobody sees what it says.
func TestEveryPolicyCanBeRead(t *testing.T) {
	t.Parallel()
	for _, stack := range everyTemplate(t) {
		for id, r := range stack.Resources {
			for property, value := range r.Properties {
				hidden := cfn.IsIntrinsic(cfn.Normalize(value)) && strings.Contains(property, "Policy") && len(policiesIn(policyHolder{}, value)) == 0
				assert.Falsef(t, hidden, "%s %s (%s): %s says what cannot be read here", stack.name, id, r.Type, property)
			}
		}
	}
}

// organizations are the condition keys that mean all accounts of an organization:
// this one knows none.
var organizations = regexp.MustCompile(`(?i)org(id|paths)$`)

// owners are the condition keys that say whose a principal or a resource is.
var owners = []string{
	"aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:principalaccount", "aws:principalarn", "aws:resourceaccount",
	"kms:calleraccount", "s3:resourceaccount", "s3:dataaccesspointaccount",
}

// stranger says who outside the account gains by a sentence of a policy; nothing
// where nobody does.
func stranger(account, kind string, g policy.Grant) string {
	if g.Principal.Not {
		return "all but some, and everybody that AWS will ever have"
	}
	if g.Effect == policy.Allow && (g.Action.Not || g.Resource.Not) {
		return "whoever may do all but some things, and all that AWS will ever offer"
	}
	for _, test := range g.Conditions {
		if organizations.MatchString(test.Key) {
			return "an organization: " + test.String()
		}
		if slices.Contains(owners, test.Key) && !ours(account, test.Values) {
			return "who is not this account's: " + test.String()
		}
		if test.Operator == "unreadable" || strings.HasPrefix(test.Key, "${") {
			return "whom a condition means that cannot be read"
		}
	}
	if g.Effect == policy.Deny {
		return ""
	}
	who := g.Principal.Patterns[0]
	kindOf, name, _ := strings.Cut(who, " ")
	switch {
	case who == policy.Itself || who == "account "+account || who == "account ${AWS::AccountId}":
		return ""
	case who == "*" && narrowed(account, g):
		return ""
	case kindOf == "AWS" && ours(account, []string{name}) && !strings.ContainsAny(name, "*?"):
		return ""
	case kindOf == "Federated" && name == "arn:aws:iam::"+account+":oidc-provider/"+config.GitHubIssuer:
		return "" // of the app of identity alone: TestThePipelineCannotDeployItsOwnTrust
	case kindOf == "Service" && awsService(name):
		// A role is handed to a service inside its account only (iam:PassRole).
		if kind == "AWS::IAM::Role" || narrowed(account, g) || unconditional(kind, name) {
			return ""
		}
		return name + ", on behalf of any account"
	default:
		return who
	}
}

// awsService says whether a name is that of an AWS service.
var awsService = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com$`).MatchString

// unconditional says where AWS documents a service that sends nothing to compare
// (eventbridge/latest/userguide/eb-use-resource-based.html).
func unconditional(kind, service string) bool {
	return service == eventBridge && (kind == "AWS::SNS::TopicPolicy" || kind == "AWS::KMS::Key") || kind == mskClusterPolicy
}

// ownARN is a reference to a resource of the template.
var ownARN = regexp.MustCompile(`^\$\{[A-Za-z0-9]+\.Arn\}`)

// ours says whether all values name this account or something of the template.
func ours(account string, values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(value string) bool {
		value = strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", account).Replace(value)
		parts := strings.SplitN(value, ":", 6)
		mine := value == account || len(parts) == 6 && parts[4] == account || ownARN.MatchString(value)
		return !mine
	})
}

// narrowed says whether a condition leaves this account alone. It must hold, and
// not only where the request has the key.
func narrowed(account string, g policy.Grant) bool {
	return slices.ContainsFunc(g.Conditions, func(test policy.Condition) bool {
		if !slices.Contains([]string{"StringEquals", "StringLike", "ArnEquals", "ArnLike"}, test.Operator) {
			return false
		}
		return (slices.Contains(owners, test.Key) || strings.HasPrefix(test.Key, "kms:encryptioncontext:")) && ours(account, test.Values)
	})
}

// The places where a stranger can hide; each is a statement that opens something.
func TestAStrangerIsFoundWhereverItHides(t *testing.T) {
	const account, rest = "123456789012", `"Action": "s3:GetObject", "Resource": "*"`
	for name, statement := range map[string]string{
		"another account":                         `"Effect": "Allow", "Principal": {"AWS": "999999999999"}`,
		"another account's root":                  `"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root", "arn:aws:iam::999999999999:root"]}`,
		"another account's role":                  `"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:role/r"}`,
		"another account, in pieces":              `"Effect": "Allow", "Principal": {"AWS": {"Fn::Join": ["", ["arn:aws:iam::9999", "99999999:root"]]}}`,
		"another account, substituted":            `"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": ["arn:aws:iam::${Who}:root", {"Who": "999999999999"}]}}`,
		"an account from a parameter":             `"Effect": "Allow", "Principal": {"AWS": {"Ref": "Account"}}`,
		"an account under a condition":            `"Effect": "Allow", "Principal": {"AWS": {"Fn::If": ["Shared", "999999999999", "123456789012"]}}`,
		"any account's role of a name":            `"Effect": "Allow", "Principal": {"AWS": "*"}, "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/r"}}`,
		"anybody":                                 `"Effect": "Allow", "Principal": "*"`,
		"anybody that the request does not name":  `"Effect": "Allow", "Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}}`,
		"anybody but ours":                        `"Effect": "Allow", "Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}`,
		"all but one":                             `"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}`,
		"whom a denial spares":                    `"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::999999999999:root"}`,
		"whom a denial's condition spares":        `"Effect": "Deny", "Principal": "*", "Condition": {"StringNotEquals": {"aws:PrincipalAccount": ["123456789012", "999999999999"]}}`,
		"a role whom a denial's condition spares": `"Effect": "Deny", "Principal": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/cdk-*"}}`,
		"an organization":                         `"Effect": "Allow", "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-999"}}`,
		"an organization's unit":                  `"Effect": "Allow", "Principal": "*", "Condition": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-999/*"}}`,
		"an organization beside our account":      `"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012", "aws:SourceOrgID": "o-999"}}`,
		"a stranger's tokens":                     `"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/evil.example"}`,
		"a stranger's directory":                  `"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:saml-provider/evil"}`,
		"anonymous visitors":                      `"Effect": "Allow", "Principal": {"Federated": "cognito-identity.amazonaws.com"}`,
		"another account's provider":              `"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::999999999999:oidc-provider/token.actions.githubusercontent.com"}`,
		"a canonical user":                        `"Effect": "Allow", "Principal": {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`,
		"a service for any account":               `"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}`,
		"a service for another account":           `"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": ["123456789012", "999999999999"]}}`,
		"a service for another's resource":        `"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}`,
		"a service for any account's image":       `"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "ecr:BatchGetImage"`,
		"a service that is none":                  `"Effect": "Allow", "Principal": {"Service": "amazonaws.com.evil.example"}`,
		"what is not named":                       `"Effect": "Allow", "NotAction": "iam:*", "Principal": {"AWS": "123456789012"}`,
		"a condition that cannot be read":         `"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Condition": {"StringEquals": {"Ref": "Condition"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			found := false
			if !strings.Contains(statement, `"Action"`) {
				statement += ", " + rest
			}
			for _, g := range policy.Read(`{"Statement": [{` + statement + `}]}`) {
				found = found || stranger(account, "AWS::S3::BucketPolicy", g) != ""
			}
			assert.True(t, found, "it is let in and nobody says so")
		})
	}
	own := policy.Read(`{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, ` + rest + `}]}`)
	assert.Empty(t, fmt.Sprint(stranger(account, "AWS::KMS::Key", own[0])), "the account itself")
}

// eventBridge supports no conditions where it publishes to a topic, and asks for a
// key without them. To a queue it comes with the rule's name.
const eventBridge = "events.amazonaws.com"

// mskClusterPolicy is where MSK's own service is let in for a replicator. AWS's
// documentation gives the policy without a condition, and does not say that MSK
// sends what one would compare. It lets nobody read: that is the role's right.
const mskClusterPolicy = "AWS::MSK::ClusterPolicy"
