package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// DestroyOptions are the choices of a removal.
type DestroyOptions struct {
	Stacks []string // those to remove; empty removes all that can go
	DryRun bool     // list, and change nothing
	// Yes does not ask, in an environment that is not protected.
	Yes bool
}

// removal is one stack that is to go.
type removal struct {
	stack cfn.Stack
	found stacks.Live
	// kept and lost are the stateful resources that stay behind and that go, and
	// others the number of the rest that go.
	kept, lost []string
	others     int
	// clusters are the database clusters that go, by their identifiers.
	clusters []string
	// guards are resources to be deleted that are protected against it.
	guards []guard
	// stays says why the stack cannot go yet, or is empty.
	stays string
}

// Destroy removes the environment's stacks, last one first. It shows what is kept
// and what is lost before it asks; a protected environment needs two answers at
// a terminal. It empties nothing: what does not go by itself is named.
func (s *Session) Destroy(ctx context.Context, options DestroyOptions) error {
	if !options.DryRun {
		release, err := s.hold("destroy")
		if err != nil {
			return err
		}
		defer release()
	}
	synthesis, err := s.synthesize(ctx, "", "", "")
	defer synthesis.discard()
	if err != nil {
		return err
	}
	if _, err := stacks.Pick(synthesis.Stacks, options.Stacks); err != nil {
		return err
	}
	if err := s.identify(ctx); err != nil {
		return err
	}
	plan, err := s.planRemoval(ctx, synthesis, options.Stacks)
	if err != nil {
		return err
	}
	if len(plan) == 0 {
		s.Console.Say("nothing of %s is deployed", s.Env.Name)
		return nil
	}
	s.showRemoval(plan)
	if options.DryRun {
		s.Console.Say("dry run: nothing was changed")
		return nil
	}
	if err := s.confirmRemoval(ctx, options.Yes); err != nil {
		return err
	}
	return s.removeAll(ctx, synthesis, plan)
}

// confirmRemoval asks as often as the environment's protection demands.
func (s *Session) confirmRemoval(ctx context.Context, yes bool) error {
	if !s.Env.Protected {
		return s.Console.Approve(ctx, fmt.Sprintf("Remove %s from account %s? What is listed as lost is gone for good.", s.Env.Name, s.Env.Site.Account), yes)
	}
	if !s.Console.Terminal {
		return exit.With(exit.Refused, "%s is protected: it is removed by a person at a terminal alone, who confirms twice (--yes is not enough)", s.Env.Name)
	}
	if err := s.Console.Confirm(ctx, "This environment is protected: it holds what customers own. First, its name.", s.Env.Name); err != nil {
		return err
	}
	return s.Console.Confirm(ctx, "Second, that you mean this account and that what is listed as lost is gone for good.", "destroy "+s.Env.Site.Account)
}

// planRemoval looks at every stack that is to go, last one first, and fails with
// all that stands in the way.
func (s *Session) planRemoval(ctx context.Context, synthesis Assembly, choices []string) ([]removal, error) {
	selected, err := stacks.Pick(synthesis.Stacks, choices)
	if err != nil {
		return nil, err
	}
	selected = slices.Clone(selected)
	slices.Reverse(selected)
	var found console.Findings
	var plan []removal
	for _, stack := range selected {
		one, err := s.planOne(ctx, stack, &found)
		if err != nil {
			found.Problem("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		if one.found.Status != "" {
			plan = append(plan, one)
		}
	}
	s.checkConsumers(ctx, synthesis, selected, &found)
	if err := s.Console.Conclude(ctx, found); err != nil {
		return nil, err
	}
	holdNetworks(plan)
	return plan, nil
}

func (s *Session) planOne(ctx context.Context, stack cfn.Stack, f *console.Findings) (removal, error) {
	found, err := s.stacks.Settled(ctx, s.Console, stack, s.Wait)
	one := removal{stack: stack, found: found}
	if err != nil || found.Status == "" || found.Status == types.StackStatusReviewInProgress { // the latter holds nothing
		return one, err
	}
	if found.AtWork() {
		f.Problem("%s is %s: CloudFormation is at work; run this again when it has ended, or add --wait 1h", stack.Name, found.Status)
		return one, nil
	}
	if found.Protected && !s.Env.Protected {
		f.Problem("%s has termination protection in the account, and %s is not protected in config: find out why, and switch it off by hand or with a deployment", stack.Name, s.Env.Name)
	}
	// What happens to a resource is what the deployed template says, not the one
	// of this checkout.
	body, err := s.stacks.Template(ctx, stack.Region, stack.Name, "")
	if err != nil {
		return one, err
	}
	var deployed cfn.Template
	if err := json.Unmarshal(body, &deployed); err != nil {
		return one, fmt.Errorf("the deployed template of %s is not JSON: %w", stack.Name, err)
	}
	resources, err := s.stacks.Resources(ctx, stack.Region, stack.Name)
	if err != nil {
		return one, err
	}
	for _, resource := range resources {
		if resource.ResourceStatus != types.ResourceStatusDeleteComplete && aws.ToString(resource.PhysicalResourceId) != "" {
			one.add(deployed.Resources[aws.ToString(resource.LogicalResourceId)], resource)
		}
	}
	return one, s.checkReaders(ctx, one, resources, f)
}

// add sorts one resource under what happens to it.
func (r *removal) add(declared cfn.Resource, resource types.StackResourceSummary) {
	line := fmt.Sprintf("%s %s (%s)", aws.ToString(resource.ResourceType), aws.ToString(resource.LogicalResourceId), aws.ToString(resource.PhysicalResourceId))
	switch {
	case strings.HasPrefix(declared.DeletionPolicy, "Retain"):
		r.kept = append(r.kept, line)
		return
	case declared.DeletionPolicy == "Snapshot":
		r.lost = append(r.lost, line+", after a last snapshot that is kept")
	case stateful[aws.ToString(resource.ResourceType)]:
		r.lost = append(r.lost, line)
	default:
		r.others++
	}
	if aws.ToString(resource.ResourceType) == "AWS::RDS::DBCluster" {
		r.clusters = append(r.clusters, aws.ToString(resource.PhysicalResourceId))
	}
	if protected(declared) {
		r.guards = append(r.guards, guard{resourceType: aws.ToString(resource.ResourceType), id: aws.ToString(resource.PhysicalResourceId)})
	}
}

// stateful are the types whose deletion loses something that another deployment
// does not bring back.
var stateful = map[string]bool{
	"AWS::Backup::BackupVault": true, "AWS::DynamoDB::Table": true, "AWS::ECR::Repository": true, "AWS::EC2::EIP": true,
	"AWS::ElastiCache::ReplicationGroup": true, "AWS::Grafana::Workspace": true, "AWS::APS::Workspace": true, "AWS::KMS::Key": true,
	"AWS::Logs::LogGroup": true, "AWS::MSK::Cluster": true, "AWS::RDS::DBCluster": true, "AWS::RDS::GlobalCluster": true,
	"AWS::S3::Bucket": true, "AWS::SecretsManager::Secret": true, "AWS::SNS::Topic": true, "AWS::SQS::Queue": true,
}

// inNetwork are the types that stand in a VPC and keep it from going.
var inNetwork = map[string]bool{
	"AWS::MSK::Cluster": true, "AWS::RDS::DBCluster": true, "AWS::RDS::DBInstance": true,
	"AWS::ElastiCache::ReplicationGroup": true, "AWS::EC2::SecurityGroup": true,
}

// holdNetworks leaves out a stack that holds nothing but a network in which
// something of a stack before it stays: CloudFormation would try for an hour.
func holdNetworks(plan []removal) {
	for i, network := range plan {
		if !holdsType(network, "AWS::EC2::VPC") {
			continue
		}
		for _, other := range plan[:i] {
			if other.stack.Region != network.stack.Region {
				continue
			}
			for _, line := range other.kept {
				if kind, _, _ := strings.Cut(line, " "); inNetwork[kind] {
					plan[i].stays = fmt.Sprintf("%s stays and stands in its subnets", line)
				}
			}
		}
	}
}

func holdsType(r removal, kind string) bool { return len(r.stack.Template.OfType(kind)) > 0 }

// checkConsumers refuses to remove a stack from under one that needs it.
func (s *Session) checkConsumers(ctx context.Context, synthesis Assembly, selected []cfn.Stack, f *console.Findings) {
	going := map[string]bool{}
	for _, stack := range selected {
		going[stack.Name] = true
	}
	for _, consumer := range synthesis.Stacks {
		if going[consumer.Name] {
			continue
		}
		for _, name := range consumer.DependsOn {
			if !going[name] {
				continue
			}
			found, err := s.stacks.Describe(ctx, consumer.Region, consumer.Name)
			switch {
			case err != nil:
				f.Problem("%s: %s", consumer.Name, account.Explain(err))
			case found.Exists():
				f.Problem("%s needs %s: remove it first, or with it", consumer.Name, name)
			}
		}
	}
}

// showRemoval lists what is kept and what is lost.
func (s *Session) showRemoval(plan []removal) {
	for _, one := range plan {
		if one.stays != "" {
			s.Console.Say("%s stays: %s", one.stack.Name, one.stays)
			continue
		}
		s.Console.Say("%s (%s) goes:", one.stack.Name, one.stack.Region)
		s.Console.List("  kept, and yours to remove (docs/DEPLOYMENT.md#removing-an-environment):", one.kept)
		s.Console.List("  LOST:", one.lost)
		s.Console.Say("  and %d resources without data of their own", one.others)
		for _, guard := range one.guards {
			s.Console.Say("  deletion protection is switched off first: %s %s", guard.resourceType, guard.id)
		}
	}
}

// removeAll removes one stack after the other.
func (s *Session) removeAll(ctx context.Context, synthesis Assembly, plan []removal) error {
	var done, left []string
	for _, one := range plan {
		if one.stays != "" {
			left = append(left, one.stack.Name+": "+one.stays)
			continue
		}
		s.Console.Say("%s: removing", one.stack.Name)
		err := synthesis.intact(one.stack)
		if err != nil {
			return err
		}
		err = s.unprotect(ctx, one)
		if err == nil {
			err = s.runCDK(ctx, "destroy", one.stack.ID, "--app", synthesis.Dir, "--exclusively", "--force")
		}
		if err == nil {
			err = s.gone(ctx, one.stack)
		}
		if err != nil {
			s.Console.List("removed:", done)
			return s.notRemoved(ctx, one.stack, err)
		}
		done = append(done, one.stack.Name)
	}
	s.Console.List("removed:", done)
	s.Console.List("left:", left)
	for _, one := range plan {
		if one.stays == "" {
			s.Console.List("kept of "+one.stack.Name+", and yours to remove:", one.kept)
		}
	}
	return nil
}

// gone fails unless the stack has left: the CLI's word is not enough.
func (s *Session) gone(ctx context.Context, stack cfn.Stack) error {
	found, err := s.stacks.Describe(ctx, stack.Region, stack.Name)
	if err == nil && found.Status != "" && found.Status != types.StackStatusDeleteComplete {
		err = fmt.Errorf("the CDK CLI has ended and %s is %s", stack.Name, found.Status)
	}
	return err
}

// notRemoved says where a removal ended early.
func (s *Session) notRemoved(ctx context.Context, stack cfn.Stack, cause error) error {
	looking, cancel := afterwards(ctx)
	defer cancel()
	if found, err := s.stacks.Describe(looking, stack.Region, stack.Name); err == nil {
		s.Console.Say("%s is %s %s", stack.Name, found.Status, found.Reason)
		s.Console.List("its events:", s.stacks.Failures(looking, stack))
	}
	if interrupted(ctx) {
		return exit.With(exit.Interrupted, "interrupted at %s: CloudFormation ends by itself what it began; the same command goes on from there", stacks.Short(stack))
	}
	return exit.With(exit.Failed, "%s could not be removed (%w). Remove what blocks it and run the same command: it goes on from there", stacks.Short(stack), cause)
}

// unprotect switches off, on one stack that a person has decided to remove, what
// would refuse its removal.
func (s *Session) unprotect(ctx context.Context, one removal) error {
	for _, guard := range one.guards {
		if err := s.drop(ctx, one.stack.Region, guard); err != nil {
			return fmt.Errorf("deletion protection of %s: %s", guard.id, account.Explain(err))
		}
	}
	if !one.found.Protected {
		return nil
	}
	client := cloudformation.NewFromConfig(s.account.Writing(one.stack.Region))
	if _, err := client.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{
		StackName: &one.stack.Name, EnableTerminationProtection: new(false),
	}); err != nil {
		return fmt.Errorf("termination protection: %s", account.Explain(err))
	}
	return nil
}
