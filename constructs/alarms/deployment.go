package alarms

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/signals"
)

// NewDeployment makes the alarms that take a new release back, beside the service
// and not among the others: ECS must find them before it deploys anything, and
// nothing may depend on the stack that watches. They write to nobody, because ECS
// acts on them and what it did is reported (the rule Deployment in events.go).
func NewDeployment(scope constructs.Construct, env config.Environment, entrance signals.Entrance) []awscloudwatch.CfnAlarm {
	own := constructs.NewConstruct(scope, new("DeploymentAlarms"))
	var made []awscloudwatch.CfnAlarm
	for _, row := range DeploymentRows(env, entrance) {
		made = append(made, newAlarm(own, env, nil, row))
	}
	return made
}

// DeploymentRows is the table of those alarms. ECS reads them from the first
// request that a new release gets to the end of its bake time, and it does not
// read one that is in alarm already when a deployment begins: the release that
// mends an incident must not be stopped by it.
func DeploymentRows(env config.Environment, entrance signals.Entrance) []Row {
	limits := env.Delivery.Rollback
	bad := func(row Row) Row {
		row.Runbook, row.Compare, row.Missing = "deployment-failed", Above, Quiet
		row.Periods, row.Datapoints = config.RollbackWindowMinutes, config.RollbackMinutes
		return row
	}
	rows := []Row{bad(Row{
		ID: "deployment-errors", Threshold: limits.ErrorPercent,
		Why:        "Requests fail, whoever answers them: a deployment that runs is taken back.",
		Expression: signals.Errors(limits.LeastErrors), Inputs: entrance.ErrorRateInputs(),
	})}
	groups := entrance.Groups()
	for _, colour := range sortedKeys(groups) {
		rows = append(rows,
			bad(Row{
				ID: "deployment-errors-" + colour, Threshold: limits.ErrorPercent,
				Why:        "The release in the " + colour + " target group fails: a deployment that runs is taken back.",
				Expression: signals.GroupErrors(limits.LeastErrors), Inputs: entrance.GroupErrorsInputs(groups[colour]),
			}),
			bad(Row{
				ID: "deployment-latency-" + colour, Threshold: limits.Latency.Seconds(),
				Why:        "The release in the " + colour + " target group is slow: a deployment that runs is taken back.",
				Expression: signals.GroupLatency(limits.LeastRequests), Inputs: entrance.GroupLatencyInputs(groups[colour]),
			}))
	}
	return rows
}
