// Package acknowledge records, beside the code that causes it, why a finding of
// cdk-nag or a warning of CloudFormation Validate is accepted. The record of cdk-nag travels in
// the template's metadata, where an auditor finds it, and the tests fail on every
// finding that has none.
package acknowledge

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// Finding accepts one rule of cdk-nag, such as "AwsSolutions-IAM5", on the
// construct and its children, for a reason that a security reviewer can judge.
// A rule that reports several findings for a resource, such as one for each
// wildcard, is narrowed to the findings listed in only, such as "Resource::*".
func Finding(on constructs.IConstruct, rule, reason string, only ...string) {
	Findings(on, Accepted{Rule: rule, Reason: reason, Only: only})
}

// Accepted is a finding of [Findings], as [Finding] describes it.
type Accepted struct {
	Rule, Reason string
	Only         []string
}

// Findings accepts several rules on the construct and its children.
func Findings(on constructs.IConstruct, accepted ...Accepted) {
	var suppressions []*cdknag.NagPackSuppression
	for _, finding := range accepted {
		suppression := &cdknag.NagPackSuppression{Id: new(finding.Rule), Reason: new(finding.Reason)}
		if len(finding.Only) > 0 {
			applies := make([]any, len(finding.Only))
			for i, only := range finding.Only {
				applies[i] = only
			}
			suppression.AppliesTo = &applies
		}
		suppressions = append(suppressions, suppression)
	}
	cdknag.NagSuppressions_AddResourceSuppressions(on, &suppressions, new(true))
}

// Warning accepts one warning of CloudFormation Validate, such as "W3010", on the
// construct and its children. An error has no acknowledgement: the summary of a
// synthesis refuses one.
func Warning(on constructs.IConstruct, rule, reason string) {
	awscdk.Validations_Of(on).Acknowledge(&awscdk.Acknowledgment{
		Id: new("CloudFormation-Validate::" + rule), Reason: new(reason),
	})
}
