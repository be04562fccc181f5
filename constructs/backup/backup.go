// Package backup makes AWS Backup's vaults, the daily plan and the restore tests.
package backup

import "github.com/aws/aws-cdk-go/awscdk/v2/awsbackup"

// Backup is a region's vault.
type Backup struct {
	Vault awsbackup.BackupVault
}
