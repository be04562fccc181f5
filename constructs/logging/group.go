// Package logging makes log groups that are encrypted with a key of the
// platform and that forget after a stated time.
package logging

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
)

// Props describe a log group.
type Props struct {
	// Name is needed only where a service derives it, such as
	// "/aws/rds/cluster/…"; empty lets CloudFormation choose.
	Name string
	// RetentionDays is one of the values that CloudWatch Logs accepts.
	RetentionDays int
	// Key encrypts the group; its policy must allow CloudWatch Logs
	// ([wallet-infra/constructs/encryption.AllowLogs]).
	Key awskms.IKey
	// Keep retains the group when its stack goes, for logs that are evidence.
	Keep bool
}

// NewGroup makes a log group.
func NewGroup(scope constructs.Construct, id string, props Props) awslogs.LogGroup {
	removal := awscdk.RemovalPolicy_DESTROY
	if props.Keep {
		removal = awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	}
	var name *string
	if props.Name != "" {
		name = new(props.Name)
	}
	return awslogs.NewLogGroup(scope, new(id), &awslogs.LogGroupProps{
		LogGroupName:  name,
		EncryptionKey: props.Key,
		Retention:     retention[props.RetentionDays],
		RemovalPolicy: removal,
	})
}

// retention names the days, which config has and has checked, as CDK does. CDK turns
// a name back into the days.
var retention = map[int]awslogs.RetentionDays{
	1:    awslogs.RetentionDays_ONE_DAY,
	3:    awslogs.RetentionDays_THREE_DAYS,
	5:    awslogs.RetentionDays_FIVE_DAYS,
	7:    awslogs.RetentionDays_ONE_WEEK,
	14:   awslogs.RetentionDays_TWO_WEEKS,
	30:   awslogs.RetentionDays_ONE_MONTH,
	60:   awslogs.RetentionDays_TWO_MONTHS,
	90:   awslogs.RetentionDays_THREE_MONTHS,
	120:  awslogs.RetentionDays_FOUR_MONTHS,
	150:  awslogs.RetentionDays_FIVE_MONTHS,
	180:  awslogs.RetentionDays_SIX_MONTHS,
	365:  awslogs.RetentionDays_ONE_YEAR,
	400:  awslogs.RetentionDays_THIRTEEN_MONTHS,
	545:  awslogs.RetentionDays_EIGHTEEN_MONTHS,
	731:  awslogs.RetentionDays_TWO_YEARS,
	1096: awslogs.RetentionDays_THREE_YEARS,
	1827: awslogs.RetentionDays_FIVE_YEARS,
	2192: awslogs.RetentionDays_SIX_YEARS,
	2557: awslogs.RetentionDays_SEVEN_YEARS,
	2922: awslogs.RetentionDays_EIGHT_YEARS,
	3288: awslogs.RetentionDays_NINE_YEARS,
	3653: awslogs.RetentionDays_TEN_YEARS,
}
