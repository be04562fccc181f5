package delivery

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
)

// checkCopies looks at the copies of secrets in other regions.
func (s *Session) checkCopies(ctx context.Context, ready readied, despite bool, f *console.Findings) {
	for _, stack := range ready.selected {
		secrets := replicatedSecrets(stack)
		if len(secrets) == 0 || !ready.seen[stack.Name].Exists() {
			continue
		}
		deployed, err := s.stacks.Resources(ctx, stack.Region, stack.Name)
		if err != nil {
			f.Problem("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		for _, resource := range deployed {
			if slices.Contains(secrets, aws.ToString(resource.LogicalResourceId)) && aws.ToString(resource.PhysicalResourceId) != "" {
				s.checkSecret(ctx, stack, aws.ToString(resource.PhysicalResourceId), despite, f)
			}
		}
	}
}

// replicatedSecrets are the logical IDs of the secrets with a copy in another region.
func replicatedSecrets(stack cfn.Stack) []string {
	var ids []string
	for _, secret := range stack.Template.OfType("AWS::SecretsManager::Secret") {
		if replicas, _ := secret.Properties["ReplicaRegions"].([]any); len(replicas) > 0 {
			ids = append(ids, secret.ID)
		}
	}
	return ids
}

// checkSecret refuses to go on while a copy of a secret is out of date: the standby's
// password is then dead. A deployment may be the remedy, and is told so.
func (s *Session) checkSecret(ctx context.Context, stack cfn.Stack, secret string, despite bool, f *console.Findings) {
	answer, err := secretsmanager.NewFromConfig(s.account.Reading(stack.Region)).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		f.Problem("the copies of secret %s: %s", secret, account.Explain(err))
		return
	}
	for _, copied := range answer.ReplicationStatus {
		switch {
		case copied.Status == types.StatusTypeInSync:
		case copied.Status == types.StatusTypeInProgress:
			f.Note("the copy of secret %s in %s is being made", secret, aws.ToString(copied.Region))
		case despite:
			f.Note("the copy of secret %s in %s is %s: %s", secret, aws.ToString(copied.Region), copied.Status, aws.ToString(copied.StatusMessage))
		default:
			f.Problem("the copy of secret %s in %s is %s (%s): the standby could not sign in. When the cause is mended: aws secretsmanager replicate-secret-to-regions --region %s --secret-id %s --force-overwrite-replica-secret --add-replica-regions Region=%s,KmsKeyId=KEY; if this deployment is the remedy, add --despite-outage",
				secret, aws.ToString(copied.Region), copied.Status, aws.ToString(copied.StatusMessage), stack.Region, secret, aws.ToString(copied.Region))
		}
	}
}
