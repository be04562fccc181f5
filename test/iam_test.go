package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// statement is one statement of a policy of any kind, and where it stands.
type statement struct {
	where        string // stack, logical ID and type
	resourceType string // of the resource that holds the policy
	trust        bool   // who may take a role, rather than what may be done
	effect       string
	actions      []string
	resources    []any
	principals   any
	negated      []string // NotAction, NotResource, NotPrincipal
	condition    any
}

// wildcardActions are the actions with a wildcard that may be allowed, by the type
// of the resource whose policy allows them, with the reason.
var wildcardActions = map[string]map[string]string{
	"AWS::KMS::Key": {
		"kms:*": "the account's own administrators: without it a key can become unmanageable for ever, and IAM policies would not count",
	},
}

// everywhereActions may be allowed on Resource "*", because AWS knows nothing
// narrower for them. The source is the Service Authorization Reference: each has
// an empty "Resource types" column, except where the reason says otherwise.
var everywhereActions = map[string]string{
	"application-autoscaling:DescribeScalableTargets": "no resource type; read only",
	"arc-region-switch:GetPlan":                       "Region switch evaluates a plan and its child with it; read only",
	"arc-region-switch:GetPlanExecution":              "as above; read only",
	"arc-region-switch:ListPlanExecutions":            "as above; read only",
	"cloudwatch:GetMetricData":                        "no resource type; read only",
	"cloudwatch:GetMetricStatistics":                  "no resource type; read only",
	"cloudwatch:ListMetrics":                          "no resource type; read only",
	"ec2:AssignPrivateIpAddresses":                    "a function in a VPC: the interface does not exist before",
	"ec2:CreateNetworkInterface":                      "a function in a VPC: the interface does not exist before",
	"ec2:DeleteNetworkInterface":                      "a function in a VPC: the interface has no name before it exists",
	"ec2:DescribeNetworkInterfaces":                   "no resource type; read only",
	"ec2:DescribeSubnets":                             "no resource type; read only",
	"ec2:UnassignPrivateIpAddresses":                  "a function in a VPC: the interface does not exist before",
	"ecr:GetAuthorizationToken":                       "no resource type",
	"ecs:ListServices":                                "Region switch lists without a cluster; read only",
	"elasticloadbalancing:DescribeListeners":          "no resource type; read only",
	"elasticloadbalancing:DescribeRules":              "no resource type; read only",
	"elasticloadbalancing:DescribeTargetGroups":       "no resource type; read only",
	"elasticloadbalancing:DescribeTargetHealth":       "no resource type; read only",
	"kafka:GetBootstrapBrokers":                       "no resource type; reads host names",
	"logs:DescribeLogGroups":                          "needed across groups by Grafana; read only",
	"rds:DescribeDBClusters":                          "Region switch lists without a filter; read only",
	"rds:DescribeGlobalClusters":                      "as above; read only",
	"secretsmanager:GetRandomPassword":                "no resource type; reads and changes nothing",
	"ssmmessages:CreateControlChannel":                "ECS Exec; no resource type",
	"ssmmessages:CreateDataChannel":                   "ECS Exec; no resource type",
	"ssmmessages:OpenControlChannel":                  "ECS Exec; no resource type",
	"ssmmessages:OpenDataChannel":                     "ECS Exec; no resource type",
	"tag:GetResources":                                "no resource type; read only",
	"xray:BatchGetTraces":                             "no resource type; read only",
	"xray:GetServiceGraph":                            "no resource type; read only",
	"xray:GetTraceGraph":                              "no resource type; read only",
	"xray:GetTraceSummaries":                          "no resource type; read only",
	"xray:PutTelemetryRecords":                        "no resource type; traces only go in",
	"xray:PutTraceSegments":                           "no resource type; traces only go in",
}

// ownPolicies are the types whose policy stands on the resource itself, where
// Resource "*" is that resource alone.
var ownPolicies = []string{"AWS::KMS::Key", "AWS::KMS::ReplicaKey", "AWS::ECR::Repository", "AWS::SecretsManager::ResourcePolicy", "AWS::EC2::VPCEndpoint"}

func TestNobodyMayDoEverything(t *testing.T) {
	eachStatement(t, func(t *testing.T, s statement) {
		if s.effect != "Allow" {
			return
		}
		for _, action := range s.actions {
			if strings.Contains(action, "*") {
				if wildcardActions[s.resourceType][action] == "" {
					t.Errorf("%s: allows %s: name the actions, or give the reason in wildcardActions", s.where, action)
				}
			}
		}
	})
}

func TestNobodyMayActOnEverything(t *testing.T) {
	eachStatement(t, func(t *testing.T, s statement) {
		if s.effect != "Allow" || s.trust || !slices.Contains(s.resources, any("*")) || slices.Contains(ownPolicies, s.resourceType) {
			return
		}
		for _, action := range s.actions {
			if everywhereActions[action] == "" {
				t.Errorf("%s: allows %s on every resource: name them, or give the reason in everywhereActions", s.where, action)
			}
		}
	})
}

// An allowance that nobody needs any more would cover the next mistake.
func TestEveryAllowanceIsNeeded(t *testing.T) {
	wildcards, everywhere := map[string]bool{}, map[string]bool{}
	eachStatement(t, func(_ *testing.T, s statement) {
		if s.effect != "Allow" || s.trust {
			return
		}
		for _, action := range s.actions {
			wildcards[s.resourceType+" "+action] = true
			if slices.Contains(s.resources, any("*")) && !slices.Contains(ownPolicies, s.resourceType) {
				everywhere[action] = true
			}
		}
	})
	for _, action := range slices.Sorted(maps.Keys(everywhereActions)) {
		assert.Truef(t, everywhere[action], "everywhereActions: nobody uses %s on every resource", action)
	}
	for resourceType, actions := range wildcardActions {
		for action := range actions {
			assert.Truef(t, wildcards[resourceType+" "+action], "wildcardActions: no %s allows %s", resourceType, action)
		}
	}
}

// What a statement excludes grows with every service that AWS adds.
func TestNoPolicyAllowsWhatItDoesNotName(t *testing.T) {
	eachStatement(t, func(t *testing.T, s statement) {
		if s.effect == "Allow" {
			assert.Emptyf(t, s.negated, "%s", s.where)
		}
	})
}

func TestNoPolicyOpensAResourceToStrangers(t *testing.T) {
	eachStatement(t, func(t *testing.T, s statement) {
		if s.effect != "Allow" || s.principals == nil {
			return
		}
		walk(map[string]any{"Principal": s.principals}, nil, func(path []string, value any) {
			assert.NotEqualf(t, "*", value, "%s: allows anybody (%s)", s.where, strings.Join(path, "."))
		})
	})
}

func TestOnlyServicesTakeRoles(t *testing.T) {
	eachStatement(t, func(t *testing.T, s statement) {
		if !s.trust {
			return
		}
		principals, _ := s.principals.(map[string]any)
		assert.Lenf(t, principals, 1, "%s: trust", s.where)
		if strings.Contains(s.where, "RecoveryApprover") {
			// A person's: the account's own principals, of whom IAM lets some.
			assert.Regexp(t, `^arn:aws:iam::[0-9]{12}:root$`, principals["AWS"])
			return
		}
		assert.Containsf(t, principals, "Service", "%s: a role that is not for an AWS service", s.where)
	})
}

// eventBridge supports no conditions where it publishes to a topic, and asks for a
// key without them. To a queue it comes with the rule's name.
const eventBridge = "events.amazonaws.com"

// mskClusterPolicy is where MSK's own service is let in for a replicator. AWS's
// documentation gives the policy without a condition, and does not say that MSK
// sends what one would compare. It lets nobody read: that is the role's right.
const mskClusterPolicy = "AWS::MSK::ClusterPolicy"

// Without a condition, any other customer of the service could make it act on our
// resource (the confused deputy).
func TestServicesActOnlyForThisAccount(t *testing.T) {
	eachStatement(t, func(t *testing.T, s statement) {
		service := at(s.principals, "Service")
		if s.effect != "Allow" || s.trust || service == nil || service == eventBridge || s.resourceType == mskClusterPolicy {
			return
		}
		content, _ := json.Marshal(s.condition)
		text := strings.ToLower(string(content))
		narrowed := slices.ContainsFunc([]string{
			"aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext", "kms:viaservice", "kms:calleraccount", "aws:principalaccount",
		}, func(key string) bool { return strings.Contains(text, key) })
		if !narrowed {
			t.Errorf("%s: lets %v act for anybody: add aws:SourceAccount or aws:SourceArn", s.where, service)
		}
	})
}

// eachStatement visits every policy statement of every template.
func eachStatement(t *testing.T, check func(t *testing.T, s statement)) {
	t.Helper()
	visited := 0
	eachResource(t, func(t *testing.T, _ environment, stack template, id string, r resource) {
		walk(r.Properties, nil, func(path []string, value any) {
			document := policyDocument(value)
			if document == nil {
				return
			}
			for _, each := range listOf(document["Statement"]) {
				visited++
				s := readStatement(each)
				s.where = fmt.Sprintf("%s %s (%s)", stack.name, id, r.Type)
				if sid, ok := at(each, "Sid").(string); ok {
					s.where += " " + sid
				}
				s.resourceType = r.Type
				s.trust = path[len(path)-1] == "AssumeRolePolicyDocument"
				check(t, s)
			}
		})
	})
	assert.NotZero(t, visited, "no policy was found")
}

func readStatement(value any) statement {
	s := statement{
		effect:     fmt.Sprint(at(value, "Effect")),
		resources:  listOf(at(value, "Resource")),
		principals: at(value, "Principal"),
		condition:  at(value, "Condition"),
	}
	for _, action := range listOf(at(value, "Action")) {
		s.actions = append(s.actions, fmt.Sprint(action))
	}
	for _, key := range []string{"NotAction", "NotResource", "NotPrincipal"} {
		if at(value, key) != nil {
			s.negated = append(s.negated, key)
		}
	}
	return s
}

// policyDocument recognizes a policy: an object with statements, or a text that
// holds one (CloudWatch Logs' resource policies), possibly joined of pieces.
func policyDocument(value any) map[string]any {
	switch form := value.(type) {
	case map[string]any:
		if form["Statement"] != nil {
			return form
		}
		if pieces := listOf(at(form, "Fn::Join", 1)); len(pieces) > 0 {
			var text strings.Builder
			for _, piece := range pieces {
				if literal, ok := piece.(string); ok {
					text.WriteString(literal)
				} else {
					text.WriteString("reference")
				}
			}
			return policyDocument(text.String())
		}
	case string:
		if strings.HasPrefix(form, "{") && strings.Contains(form, `"Statement"`) {
			var document map[string]any
			if json.Unmarshal([]byte(form), &document) == nil {
				return document
			}
		}
	}
	return nil
}

// listOf makes one of a value that may stand alone.
func listOf(value any) []any {
	switch form := value.(type) {
	case nil:
		return nil
	case []any:
		return form
	default:
		return []any{form}
	}
}
