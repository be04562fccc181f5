package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"

	"wallet-infra/config"
	"wallet-infra/constructs/alarms"
	"wallet-infra/constructs/aurora"
	"wallet-infra/constructs/backup"
	"wallet-infra/constructs/network"
)

// DR holds what stands in the second region for the day on which the first is
// gone. It names what it needs of the primary region and asks it nothing.
type DR struct {
	Stack awscdk.Stack
	// Vault receives copies of the primary region's recovery points.
	Vault awsbackup.BackupVault
	// Network and Database are empty outside standby.
	Network  network.Network
	Database aurora.Secondary
}

// NewDR builds the second region's stack, for an environment whose mode of
// disaster recovery copies something.
func NewDR(stage awscdk.Stage, env config.Environment) DR {
	stack := newStack(stage, env, "DR", env.Secondary,
		"The second region's backups and, in standby, its network and replicated database")
	dr := DR{Stack: stack, Vault: backup.NewVault(stack, env, env.Secondary)}
	if env.DR.Mode != config.DRStandby {
		return dr
	}
	logKey := newLogKey(stack, env, "dr-logs")
	dr.Network = network.New(stack, network.Props{Region: env.Secondary, Network: env.DR.Network, LogKey: logKey})
	dr.Database = aurora.NewSecondary(stack, aurora.SecondaryProps{Env: env, Network: dr.Network, LogKey: logKey})
	alarms.NewStandby(stack, env)
	return dr
}
