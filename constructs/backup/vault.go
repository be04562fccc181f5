package backup

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/encryption"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// VaultProps describe a vault.
type VaultProps struct {
	Names  config.Names
	Region config.Region
	Backup config.Backup
	// Protected keeps everybody but a deployment from changing the vault's rules.
	Protected bool
}

// NewVault makes a region's vault of recovery points, with a key of its own, so
// that whoever can use the database's key cannot read its backups, and with a
// lock on the retention of everything inside.
func NewVault(scope constructs.Construct, props VaultProps) awsbackup.BackupVault {
	own := constructs.NewConstruct(scope, new("Vault"))
	name := props.Names.BackupVault(props.Region)
	return awsbackup.NewBackupVault(own, new("Vault"), &awsbackup.BackupVaultProps{
		BackupVaultName: new(name),
		EncryptionKey: encryption.NewKey(own, "Key", encryption.Props{
			Names:   props.Names,
			Alias:   "backup",
			Purpose: "Encrypts the recovery points in the vault " + name,
		}),
		LockConfiguration: lock(props.Backup),
		AccessPolicy:      accessPolicy(own, props.Protected),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
}

// lock bounds the retention of recovery points. Without a time of grace the lock
// is in governance mode: an administrator can still remove it. With one, nobody
// can once the grace is over, the root user included.
func lock(backup config.Backup) *awsbackup.LockConfiguration {
	lock := awsbackup.LockConfiguration{
		MinRetention: value.Days(backup.LockMinDays),
		MaxRetention: value.Days(backup.LockMaxDays),
	}
	if backup.LockGraceDays > 0 {
		lock.ChangeableFor = value.Days(backup.LockGraceDays)
	}
	return &lock
}

// accessPolicy keeps people and programs from removing recovery points, which only
// their age does, and from changing the rules of the vault, which only a
// deployment does. An unprotected environment has none: its vault outlives its
// stack, and with a policy that only a deployment may change nobody could empty
// and remove it, and its name would stop the next deployment.
func accessPolicy(scope constructs.Construct, protected bool) awsiam.PolicyDocument {
	if !protected {
		return nil
	}
	// A vault's policy names the vault as "*" and speaks of nothing else.
	vault := []string{"*"}
	return policy.Document(
		policy.Statement{
			Sid: "OnlyAgeRemovesRecoveryPoints", Deny: true, Principal: policy.Anyone(), Resources: vault,
			Actions: []string{"backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"},
		},
		policy.Statement{
			Sid: "OnlyDeploymentsChangeTheVault", Deny: true, Principal: policy.Anyone(), Resources: vault,
			Actions: []string{
				"backup:DeleteBackupVault", "backup:DeleteBackupVaultAccessPolicy",
				"backup:DeleteBackupVaultLockConfiguration", "backup:PutBackupVaultAccessPolicy",
				"backup:PutBackupVaultLockConfiguration",
			},
			Conditions: map[string]any{"ArnNotLike": map[string]any{"aws:PrincipalArn": deploymentRole(scope)}},
		},
	)
}

// deploymentRole is the role by which CloudFormation deploys the stack: it keeps
// the vault's rules changeable by a reviewed change and by nothing else.
func deploymentRole(scope constructs.Construct) *string {
	synthesizer := awscdk.Stack_Of(scope).Synthesizer().(awscdk.DefaultStackSynthesizer)
	return awscdk.Fn_Sub(synthesizer.CloudFormationExecutionRoleArn(), nil)
}
