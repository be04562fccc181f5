package alarms

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/constructs-go/constructs/v10"
)

// Event is one EventBridge rule that reports what no metric shows. Its pattern is
// that of the service's page on EventBridge in AWS's documentation.
type Event struct {
	ID       string
	Severity Severity
	// Why and Runbook are as in [Row].
	Why, Runbook string
	Source       string   // the service, such as "aws.rds"
	Kinds        []string // what EventBridge calls detail types
	// Detail and Resources narrow the pattern; Resources may be nil.
	Detail    map[string]any
	Resources []any
	// About are the paths in the event that a reader needs, by name.
	About map[string]string
}

// pattern is what EventBridge compares events with.
func (e Event) pattern() map[string]any {
	pattern := map[string]any{"source": []string{e.Source}, "detail-type": e.Kinds, "detail": e.Detail}
	if e.Resources != nil {
		pattern["resources"] = e.Resources
	}
	return pattern
}

// NewEvents makes the rules that report what alarms cannot see.
func NewEvents(scope constructs.Construct, topics Topics, events []Event) {
	own := constructs.NewConstruct(scope, new("Events"))
	for _, e := range events {
		awsevents.NewCfnRule(own, new(e.ID), &awsevents.CfnRuleProps{
			Description:  new(description(e.Why, e.Runbook)),
			EventPattern: e.pattern(),
			Targets: []*awsevents.CfnRule_TargetProperty{{
				Id:               new(string(e.Severity)),
				Arn:              new(topics[e.Severity]),
				InputTransformer: message(e),
			}},
		})
	}
}

// message turns the event into a mail that a person can act on. EventBridge
// replaces each <name>.
func message(e Event) *awsevents.CfnRule_InputTransformerProperty {
	paths := map[string]*string{}
	text := `"` + description(e.Why, e.Runbook)
	for _, name := range sortedKeys(e.About) {
		paths[name] = new(e.About[name])
		text += " " + name + ": <" + name + ">."
	}
	return &awsevents.CfnRule_InputTransformerProperty{
		InputPathsMap: &paths,
		InputTemplate: new(text + `"`),
	}
}
