package config

// Storage is the S3 buckets' life cycle.
type Storage struct {
	// BackupRetentionDays is how long an exported backup stays.
	BackupRetentionDays int
	// BackupColdAfterDays moves an exported backup to Glacier Instant Retrieval.
	BackupColdAfterDays int
	// LogRetentionDays is how long access logs and archived broker logs stay.
	LogRetentionDays int
	// NoncurrentDays is how long a replaced or deleted version can be brought back.
	NoncurrentDays int
	// IncompleteUploadDays is when the parts of an upload that never ended go.
	IncompleteUploadDays int
}

// maxDays is a century, which AWS Backup has for its longest time.
const maxDays = 36500

func validateStorage(p *problems, storage Storage) {
	between(p, "Storage.BackupRetentionDays", storage.BackupRetentionDays, 1, maxDays)
	cold := storage.BackupColdAfterDays
	p.check(cold == 0 || 0 < cold && cold < storage.BackupRetentionDays, "Storage.BackupColdAfterDays", cold,
		"0, or less than Storage.BackupRetentionDays, %d", storage.BackupRetentionDays)
	between(p, "Storage.LogRetentionDays", storage.LogRetentionDays, 1, maxDays)
	between(p, "Storage.NoncurrentDays", storage.NoncurrentDays, 1, maxDays)
	between(p, "Storage.IncompleteUploadDays", storage.IncompleteUploadDays, 1, maxDays)
}
