package alarms

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
)

// Outage says by which of a table's alarms the wallet is down for its users, and
// not merely worse: by all of a group at once, whichever group that is.
type Outage struct {
	Severity Severity
	Groups   [][]string // IDs of rows
}

// NewOutage makes the alarm on an outage over the alarms that [New] made.
func NewOutage(scope constructs.Construct, names config.Names, topics Topics, outage Outage, made map[string]Alarm) {
	action := []any{topics[outage.Severity]}
	alarm := awscloudwatch.NewCfnCompositeAlarm(scope, new("Outage"), &awscloudwatch.CfnCompositeAlarmProps{
		AlarmName:        new(names.AlarmName("outage")),
		AlarmDescription: new(description("The wallet is down for its users, not merely worse.", "outage")),
		AlarmRule:        new(outage.rule(names)),
		AlarmActions:     &action,
		OkActions:        &action,
	})
	// The rule names the alarms as text, and CloudWatch refuses a name that does not
	// exist yet.
	var parts []constructs.IDependable
	for _, group := range outage.Groups {
		for _, id := range group {
			parts = append(parts, made[id].Resource)
		}
	}
	alarm.Node().AddDependency(parts...)
}

// rule is CloudWatch's form of the groups.
func (o Outage) rule(names config.Names) string {
	var groups []string
	for _, group := range o.Groups {
		var parts []string
		for _, id := range group {
			parts = append(parts, fmt.Sprintf("ALARM(%q)", names.AlarmName(id)))
		}
		all := strings.Join(parts, " AND ")
		if len(parts) > 1 {
			all = "(" + all + ")"
		}
		groups = append(groups, all)
	}
	return strings.Join(groups, " OR ")
}
