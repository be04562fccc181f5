// Package policy writes IAM policy documents. A document goes to CDK as a whole, in
// the words of IAM's JSON: CDK's own statements are an object with several calls each.
package policy

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
)

// Statement is one statement of a policy. Its texts may hold tokens.
type Statement struct {
	Sid string
	// Deny refuses what the statement names; without it the statement allows.
	Deny bool
	// Principal is whom a resource's policy speaks of; nil in an identity's policy.
	Principal               Principal
	Actions                 []string
	Resources, NotResources []string // one of the two
	Conditions              map[string]any
}

// Allow is a statement that allows actions on resources.
func Allow(sid string, resources []string, actions ...string) Statement {
	return Statement{Sid: sid, Actions: actions, Resources: resources}
}

// Principal is whom a statement speaks of, as IAM writes it.
type Principal map[string]any

// Service is an AWS service, such as "events.amazonaws.com".
func Service(name string) Principal { return Principal{"Service": name} }

// Account is every principal of an account, as far as IAM allows it.
func Account(account string) Principal {
	return Principal{"AWS": config.ARN("iam", "", account, "root")}
}

// Anyone is everybody, with an AWS account or without.
func Anyone() Principal { return Principal{"AWS": "*"} }

// Document is a policy of the statements.
func Document(statements ...Statement) awsiam.PolicyDocument {
	var list []any
	for _, statement := range statements {
		list = append(list, statement.json())
	}
	return awsiam.PolicyDocument_FromJson(map[string]any{"Statement": list})
}

// CDK is the statement for what takes no document.
func (s Statement) CDK() awsiam.PolicyStatement { return awsiam.PolicyStatement_FromJson(s.json()) }

// List are the statements for what takes several.
func List(statements ...Statement) *[]awsiam.PolicyStatement {
	var list []awsiam.PolicyStatement
	for _, statement := range statements {
		list = append(list, statement.CDK())
	}
	return &list
}

// NewManaged makes a managed policy of the statements.
func NewManaged(scope constructs.Construct, id string, statements ...Statement) awsiam.ManagedPolicy {
	return awsiam.NewManagedPolicy(scope, new(id), &awsiam.ManagedPolicyProps{Document: Document(statements...)})
}

// Attach makes a managed policy of the statements and attaches it to the role from its
// own side: for statements that name the role, or what is made with it.
func Attach(scope constructs.Construct, id string, role awsiam.IRole, statements ...Statement) awsiam.ManagedPolicy {
	return awsiam.NewManagedPolicy(scope, new(id), &awsiam.ManagedPolicyProps{
		Roles: &[]awsiam.IRole{role}, Document: Document(statements...),
	})
}

// json is the statement in IAM's words.
func (s Statement) json() map[string]any {
	object := map[string]any{"Effect": "Allow", "Action": s.Actions}
	if s.Deny {
		object["Effect"] = "Deny"
	}
	if s.Sid != "" {
		object["Sid"] = s.Sid
	}
	if s.Principal != nil {
		object["Principal"] = map[string]any(s.Principal)
	}
	if s.Resources != nil {
		object["Resource"] = s.Resources
	}
	if s.NotResources != nil {
		object["NotResource"] = s.NotResources
	}
	if s.Conditions != nil {
		object["Condition"] = s.Conditions
	}
	return object
}
