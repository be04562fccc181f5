package awsfake

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// Secret is a secret's versions by their ID: their labels, their values, which a
// version may not have yet (API_RotateSecret: "an empty secret version"), and when
// they were stored.
type Secret struct {
	Stages  map[string][]string
	Values  map[string]string
	Created map[string]time.Time
	Enabled *bool      // whether it rotates
	Rotated *time.Time // when the rotation before ended
}

// Secrets is Secrets Manager with secrets by their ARN.
type Secrets struct {
	Calls
	Secrets map[string]*Secret
	Now     func() time.Time
	Writes  []string // what changed something
	Asked   *secretsmanager.GetRandomPasswordInput
	// Random makes a password; "generated" by default.
	Random func() string
}

// DescribeSecret is API_DescribeSecret.
func (f *Secrets) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	out := &secretsmanager.DescribeSecretOutput{}
	return out, f.do("DescribeSecret", func() error {
		found := f.Secrets[*in.SecretId]
		out.RotationEnabled, out.LastRotatedDate, out.VersionIdsToStages = found.Enabled, found.Rotated, maps.Clone(found.Stages)
		return nil
	})
}

// GetSecretValue is API_GetSecretValue: by ID, by label, or both, which must fit; the
// current version without either.
func (f *Secrets) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	out := &secretsmanager.GetSecretValueOutput{}
	return out, f.do("GetSecretValue", func() error {
		found := f.Secrets[*in.SecretId]
		stage := in.VersionStage
		if stage == nil && in.VersionId == nil {
			stage = new("AWSCURRENT")
		}
		for version, value := range found.Values {
			if (in.VersionId == nil || *in.VersionId == version) && (stage == nil || slices.Contains(found.Stages[version], *stage)) {
				out.SecretString, out.CreatedDate = new(value), new(found.Created[version])
				return nil
			}
		}
		return &types.ResourceNotFoundException{}
	})
}

// GetRandomPassword is API_GetRandomPassword.
func (f *Secrets) GetRandomPassword(_ context.Context, in *secretsmanager.GetRandomPasswordInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetRandomPasswordOutput, error) {
	out := &secretsmanager.GetRandomPasswordOutput{RandomPassword: new("generated")}
	return out, f.do("GetRandomPassword", func() error {
		f.Asked = in
		if f.Random != nil {
			out.RandomPassword = new(f.Random())
		}
		return nil
	})
}

// ListSecretVersionIds is API_ListSecretVersionIds: a page at a time, and what has no
// label only if it is asked for.
func (f *Secrets) ListSecretVersionIds(_ context.Context, in *secretsmanager.ListSecretVersionIdsInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	out := &secretsmanager.ListSecretVersionIdsOutput{}
	return out, f.do("ListSecretVersionIds", func() error {
		found := f.Secrets[*in.SecretId]
		var all []types.SecretVersionsListEntry
		for _, version := range slices.Sorted(maps.Keys(found.Values)) {
			if len(found.Stages[version]) > 0 || in.IncludeDeprecated != nil && *in.IncludeDeprecated {
				all = append(all, types.SecretVersionsListEntry{VersionId: new(version)})
			}
		}
		out.Versions, out.NextToken = page(all, in.NextToken, 1)
		return nil
	})
}

// PutSecretValue is API_PutSecretValue: the same token and the same value do nothing,
// and another value is refused, because a version cannot be changed.
func (f *Secrets) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	return &secretsmanager.PutSecretValueOutput{}, f.do("PutSecretValue", func() error {
		found, token := f.Secrets[*in.SecretId], *in.ClientRequestToken
		if before, stored := found.Values[token]; stored {
			if before != *in.SecretString {
				return &types.ResourceExistsException{}
			}
			return nil
		}
		f.Writes = append(f.Writes, "put "+token+" as "+strings.Join(in.VersionStages, " "))
		found.Values[token] = *in.SecretString
		if f.Now != nil {
			found.Created[token] = f.Now()
		}
		return nil
	})
}

// UpdateSecretVersionStage is API_UpdateSecretVersionStage: it fails when the label is
// not where it is to be taken from, and moves AWSPREVIOUS with AWSCURRENT.
func (f *Secrets) UpdateSecretVersionStage(_ context.Context, in *secretsmanager.UpdateSecretVersionStageInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	return &secretsmanager.UpdateSecretVersionStageOutput{}, f.do("UpdateSecretVersionStage", func() error {
		found, from, to := f.Secrets[*in.SecretId], *in.RemoveFromVersionId, *in.MoveToVersionId
		if !slices.Contains(found.Stages[from], *in.VersionStage) {
			return &types.InvalidParameterException{Message: new("the staging label is not attached to version " + from)}
		}
		f.Writes = append(f.Writes, "move "+*in.VersionStage+" from "+from+" to "+to)
		for version, stages := range found.Stages {
			found.Stages[version] = slices.DeleteFunc(stages, func(stage string) bool { return stage == "AWSPREVIOUS" })
		}
		found.Stages[from] = []string{"AWSPREVIOUS"}
		found.Stages[to] = append(found.Stages[to], *in.VersionStage)
		return nil
	})
}
