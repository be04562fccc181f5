// Package destroy removes an environment's stacks, last one first. It shows what is
// kept and what is lost before it asks, and it empties nothing: what does not go by
// itself is named.
package destroy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/stacks"
)

// Options are the choices of a removal.
type Options struct {
	Stacks []string // those to remove; empty removes all that can go
	DryRun bool     // list, and change nothing
	// Yes does not ask, in an environment that is not protected.
	Yes bool
}

// Check refuses the removal of a protected environment without a person at a terminal.
func (o Options) Check(env config.Environment, terminal bool) error {
	if env.Protected && !terminal && !o.DryRun {
		return exit.With(exit.Refused, "%s is protected: it is removed by a person at a terminal alone, who confirms twice (--yes is not enough)", env.Name)
	}
	return nil
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

// Removal is what a removal works with.
type Removal struct{ cdk.Session }

// Run removes the environment's stacks; a protected environment needs two answers at a
// terminal.
func (r Removal) Run(ctx context.Context, options Options) error {
	if err := options.Check(r.Env, r.Console.Terminal); err != nil {
		return err
	}
	if !options.DryRun {
		release, err := r.Lock("destroy")
		if err != nil {
			return err
		}
		defer release()
	}
	assembly, err := r.Synthesize(ctx, cdk.Source{})
	defer assembly.Discard()
	if err != nil {
		return err
	}
	selected, err := stacks.Pick(assembly.Stacks, options.Stacks)
	if err != nil {
		return err
	}
	if err := r.Account.SignIn(ctx, r.Console); err != nil {
		return err
	}
	plan, err := r.plan(ctx, assembly, selected)
	if err != nil {
		return err
	}
	if len(plan) == 0 {
		r.Console.Say("nothing of %s is deployed", r.Env.Name)
		return nil
	}
	r.show(plan)
	if options.DryRun {
		r.Console.Say("dry run: nothing was changed")
		return nil
	}
	if err := r.confirm(ctx, options.Yes); err != nil {
		return err
	}
	return r.removeAll(ctx, assembly, plan)
}

// confirm asks as often as the environment's protection demands.
func (r Removal) confirm(ctx context.Context, yes bool) error {
	if !r.Env.Protected {
		return r.Console.Approve(ctx, fmt.Sprintf("Remove %s from account %s? What is listed as lost is gone for good.", r.Env.Name, r.Env.Site.Account), yes)
	}
	if err := r.Console.Confirm(ctx, "This environment is protected: it holds what customers own. First, its name.", r.Env.Name); err != nil {
		return err
	}
	return r.Console.Confirm(ctx, "Second, that you mean this account and that what is listed as lost is gone for good.", "destroy "+r.Env.Site.Account)
}

// plan looks at every stack that is to go, last one first, and fails with all that
// stands in the way.
func (r Removal) plan(ctx context.Context, assembly cdk.Assembly, selected []cfn.Stack) ([]removal, error) {
	selected = slices.Clone(selected)
	slices.Reverse(selected)
	var found console.Findings
	var plan []removal
	for _, stack := range selected {
		one, err := r.planOne(ctx, stack, &found)
		if err != nil {
			found.Problem("%s: %s", stack.Name, account.Explain(err))
			continue
		}
		if one.found.Status != "" {
			plan = append(plan, one)
		}
	}
	r.checkConsumers(ctx, assembly, selected, &found)
	if err := r.Console.Conclude(ctx, found); err != nil {
		return nil, err
	}
	holdNetworks(plan)
	return plan, nil
}

// planOne looks at one stack.
func (r Removal) planOne(ctx context.Context, stack cfn.Stack, f *console.Findings) (removal, error) {
	found, err := r.Stacks().Settled(ctx, r.Console, stack, r.Wait)
	one := removal{stack: stack, found: found}
	if err != nil || found.Status == "" || found.Status == types.StackStatusReviewInProgress { // the latter holds nothing
		return one, err
	}
	if found.AtWork() {
		f.Problem("%s is %s: CloudFormation is at work; run this again when it has ended, or add --wait 1h", stack.Name, found.Status)
		return one, nil
	}
	if found.Protected && !r.Env.Protected {
		f.Problem("%s has termination protection in the account, and %s is not protected in config: find out why, and switch it off by hand or with a deployment", stack.Name, r.Env.Name)
	}
	// What happens to a resource is what the deployed template says, not the one
	// of this checkout.
	body, err := r.Stacks().Template(ctx, stack.Region, stack.Name, "")
	if err != nil {
		return one, err
	}
	deployed, err := cfn.Parse(body)
	if err != nil {
		return one, fmt.Errorf("the deployed template: %w", err)
	}
	resources, err := r.Stacks().Resources(ctx, stack.Region, stack.Name)
	if err != nil {
		return one, err
	}
	for _, resource := range resources {
		if resource.ResourceStatus != types.ResourceStatusDeleteComplete && aws.ToString(resource.PhysicalResourceId) != "" {
			one.add(deployed.Resources[aws.ToString(resource.LogicalResourceId)], resource)
		}
	}
	return one, r.checkReaders(ctx, one, resources, f)
}

// add sorts one resource under what happens to it.
func (o *removal) add(declared cfn.Resource, resource types.StackResourceSummary) {
	line := fmt.Sprintf("%s %s (%s)", aws.ToString(resource.ResourceType), aws.ToString(resource.LogicalResourceId), aws.ToString(resource.PhysicalResourceId))
	switch {
	case strings.HasPrefix(declared.DeletionPolicy, "Retain"):
		o.kept = append(o.kept, line)
		return
	case declared.DeletionPolicy == "Snapshot":
		o.lost = append(o.lost, line+", after a last snapshot that is kept")
	case changes.Stateful(aws.ToString(resource.ResourceType), declared.Properties) || alsoLost[aws.ToString(resource.ResourceType)]:
		o.lost = append(o.lost, line)
	default:
		o.others++
	}
	if aws.ToString(resource.ResourceType) == "AWS::RDS::DBCluster" {
		o.clusters = append(o.clusters, aws.ToString(resource.PhysicalResourceId))
	}
	if protected(declared) {
		o.guards = append(o.guards, guard{resourceType: aws.ToString(resource.ResourceType), id: aws.ToString(resource.PhysicalResourceId)})
	}
}

// alsoLost are the types that hold no data of their own, and of which another deployment
// does not bring back everything: an address that others know, subscriptions that people
// confirmed, messages, and what was drawn by hand.
var alsoLost = map[string]bool{
	"AWS::EC2::EIP": true, "AWS::Grafana::Workspace": true, "AWS::SNS::Topic": true, "AWS::SQS::Queue": true,
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

func holdsType(one removal, kind string) bool { return len(one.stack.Template.OfType(kind)) > 0 }

// checkConsumers refuses to remove a stack from under one that needs it.
func (r Removal) checkConsumers(ctx context.Context, assembly cdk.Assembly, selected []cfn.Stack, f *console.Findings) {
	going := map[string]bool{}
	for _, stack := range selected {
		going[stack.Name] = true
	}
	for _, consumer := range assembly.Stacks {
		if going[consumer.Name] {
			continue
		}
		for _, name := range consumer.DependsOn {
			if !going[name] {
				continue
			}
			found, err := r.Stacks().Describe(ctx, consumer.Region, consumer.Name)
			switch {
			case err != nil:
				f.Problem("%s: %s", consumer.Name, account.Explain(err))
			case found.Exists():
				f.Problem("%s needs %s: remove it first, or with it", consumer.Name, name)
			}
		}
	}
}

// show lists what is kept and what is lost.
func (r Removal) show(plan []removal) {
	for _, one := range plan {
		if one.stays != "" {
			r.Console.Say("%s stays: %s", one.stack.Name, one.stays)
			continue
		}
		r.Console.Say("%s (%s) goes:", one.stack.Name, one.stack.Region)
		r.Console.List("  kept, and yours to remove (docs/DEPLOYMENT.md#removing-an-environment):", one.kept)
		r.Console.List("  LOST:", one.lost)
		r.Console.Say("  and %d resources without data of their own", one.others)
		for _, guard := range one.guards {
			r.Console.Say("  deletion protection is switched off first: %s %s", guard.resourceType, guard.id)
		}
	}
}

// removeAll removes one stack after the other.
func (r Removal) removeAll(ctx context.Context, assembly cdk.Assembly, plan []removal) error {
	var done, left []string
	for _, one := range plan {
		if one.stays != "" {
			left = append(left, one.stack.Name+": "+one.stays)
			continue
		}
		r.Console.Say("%s: removing", one.stack.Name)
		err := assembly.Intact(one.stack)
		if err != nil {
			return err
		}
		err = r.unprotect(ctx, one)
		if err == nil {
			err = r.CDK.Run(ctx, "destroy", one.stack.ID, "--app", assembly.Dir, "--exclusively", "--force")
		}
		if err == nil {
			err = r.gone(ctx, one.stack)
		}
		if err != nil {
			r.Console.List("removed:", done)
			return r.notRemoved(ctx, one.stack, err)
		}
		done = append(done, one.stack.Name)
	}
	r.Console.List("removed:", done)
	r.Console.List("left:", left)
	for _, one := range plan {
		if one.stays == "" {
			r.Console.List("kept of "+one.stack.Name+", and yours to remove:", one.kept)
		}
	}
	return nil
}

// gone fails unless the stack has left: the CLI's word is not enough.
func (r Removal) gone(ctx context.Context, stack cfn.Stack) error {
	found, err := r.Stacks().Describe(ctx, stack.Region, stack.Name)
	if err == nil && found.Status != "" && found.Status != types.StackStatusDeleteComplete {
		err = fmt.Errorf("the CDK CLI has ended and %s is %s", stack.Name, found.Status)
	}
	return err
}

// notRemoved says where a removal ended early.
func (r Removal) notRemoved(ctx context.Context, stack cfn.Stack, cause error) error {
	looking, cancel := account.Afterwards(ctx)
	defer cancel()
	if found, err := r.Stacks().Describe(looking, stack.Region, stack.Name); err == nil {
		r.Console.Say("%s is %s %s", stack.Name, found.Status, found.Reason)
		r.Console.List("its events:", r.Stacks().Failures(looking, stack))
	}
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, "interrupted at %s: CloudFormation ends by itself what it began; the same command goes on from there", stacks.Short(stack))
	}
	return exit.With(exit.Failed, "%s could not be removed (%w). Remove what blocks it and run the same command: it goes on from there", stacks.Short(stack), cause)
}

// unprotect switches off, on one stack that a person has decided to remove, what
// would refuse its removal.
func (r Removal) unprotect(ctx context.Context, one removal) error {
	for _, guard := range one.guards {
		if err := r.drop(ctx, one.stack.Region, guard); err != nil {
			return fmt.Errorf("deletion protection of %s: %s", guard.id, account.Explain(err))
		}
	}
	if !one.found.Protected {
		return nil
	}
	client := cloudformation.NewFromConfig(r.Account.Writing(one.stack.Region))
	if _, err := client.UpdateTerminationProtection(ctx, &cloudformation.UpdateTerminationProtectionInput{
		StackName: &one.stack.Name, EnableTerminationProtection: new(false),
	}); err != nil {
		return fmt.Errorf("termination protection: %s", account.Explain(err))
	}
	return nil
}
