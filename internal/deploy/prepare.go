package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
	"wallet-infra/internal/preflight"
	"wallet-infra/internal/stacks"
)

// Manifest is a reviewed deployment: for each stack the change set that a person
// read, and what it was made from. It stands beside the synthesis.
type Manifest struct {
	Environment string
	ImageTag    string
	Commit      string // of this repository; with "-dirty" where files were changed
	ChangeSet   string // the name of each change set
	Prepared    time.Time
	Images      []images.Image
	Stacks      []PreparedStack // in the order of their execution
}

// PreparedStack is one stack of a [Manifest].
type PreparedStack struct {
	ID, Name, Region string
	TemplateSHA256   string
	// Seal is the sum over all that the stack is deployed from, and Code what lies in
	// the bootstrap's bucket for its functions.
	Seal string
	Code []PreparedCode
	// ChangeSetARN is empty where the stack does not change.
	ChangeSetARN string
	// Status and Updated are the stack's when the change set was ready.
	Status  types.StackStatus
	Updated time.Time
	// Outputs are the stack's at that time: what other stacks' change sets have
	// resolved their references to.
	Outputs map[string]string
}

// manifestName is the manifest's file in the directory of the synthesis.
const manifestName = "prepared.json"

// changeSetName is the form that CloudFormation wants:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
var changeSetName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

// CheckChangeSetName refuses a name that CloudFormation would refuse.
func CheckChangeSetName(name string) error {
	if !changeSetName.MatchString(name) {
		return fmt.Errorf("--prepare: want a name of at most 128 letters, digits and hyphens that begins with a letter, got %q", name)
	}
	return nil
}

// Prepare makes a named change set for each stack, changes nothing else, and
// writes the manifest by which [Deployment.Execute] executes exactly these.
func (d Deployment) Prepare(ctx context.Context, name string, options Options) (err error) {
	release, err := d.Lock("prepare")
	if err != nil {
		return err
	}
	defer release()
	assembly, selected, err := d.begin(ctx, options)
	defer func() {
		if err != nil { // else the manifest stands beside it
			assembly.Discard()
		}
	}()
	if err != nil {
		return err
	}
	plan, err := d.look(ctx, assembly, selected, options)
	if err != nil {
		return err
	}
	if err := plan.Show(d.Console); err != nil {
		return err
	}
	manifest := Manifest{Environment: d.Env.Name, ImageTag: d.Env.Site.ImageTag, Commit: d.commit(ctx), ChangeSet: name, Prepared: time.Now().UTC().Truncate(time.Second), Images: plan.Images}
	if manifest.Stacks, err = d.prepareStacks(ctx, plan, selected, name); err != nil {
		return err
	}
	path := filepath.Join(plan.Dir, manifestName)
	if err := writeManifest(path, manifest); err != nil {
		return exit.With(exit.Failed, "the change sets are made and their manifest could not be written: %w", err)
	}
	d.Console.Say("prepared; after the review: go tool wallet %s deploy --execute %s", d.Env.Name, path)
	return nil
}

// prepareStacks makes the change sets, unless one of them could only be made by deleting
// its stack.
func (d Deployment) prepareStacks(ctx context.Context, plan preflight.Plan, selected []cfn.Stack, name string) ([]PreparedStack, error) {
	for _, stack := range selected {
		if plan.Live[stack.Name].Status == types.StackStatusRollbackComplete { // the CLI would delete it now, before any review
			return nil, exit.With(exit.Refused, "%s", stacks.Fill("STACK is ROLLBACK_COMPLETE, and a change set can only be made when it is gone: aws cloudformation delete-stack --region REGION --stack-name STACK", stack))
		}
	}
	var all []PreparedStack
	for _, stack := range selected {
		prepared, err := d.prepareStack(ctx, plan, stack, name)
		if err != nil {
			return nil, unprepared(ctx, stack, err)
		}
		all = append(all, prepared)
	}
	return all, nil
}

// prepareStack lets the CLI make one stack's change set.
func (d Deployment) prepareStack(ctx context.Context, plan preflight.Plan, stack cfn.Stack, name string) (PreparedStack, error) {
	d.Console.Say("%s: preparing change set %s", stacks.Short(stack), name)
	if err := plan.Intact(stack); err != nil {
		return PreparedStack{}, err
	}
	if err := d.CDK.Run(ctx, cliArguments(stack, plan, "prepare-change-set", "--change-set-name", name)...); err != nil {
		return PreparedStack{}, err
	}
	prepared, err := d.prepared(ctx, stack, name)
	if err == nil {
		prepared.Seal = plan.Seal(stack.Name)
		prepared.Code, err = d.uploadedCode(ctx, stack, true)
	}
	return prepared, err
}

// unprepared says why a change set could not be made.
func unprepared(ctx context.Context, stack cfn.Stack, cause error) error {
	if ctx.Err() != nil {
		return exit.With(exit.Interrupted, "interrupted while preparing: change sets may have been made, nothing was executed; run the same command again")
	}
	if exit.Of(cause) == exit.Stale {
		return cause
	}
	return exit.With(exit.Failed, "%s could not be prepared (%s); nothing was executed. A stack that reads an output which another stack does not have yet can only be prepared after that one: prepare and execute in two steps, with --stack, or deploy without review", stacks.Short(stack), account.Explain(cause))
}

// replaced is what a reviewer reads of a replacement.
var replaced = map[types.Replacement]string{types.ReplacementTrue: "REPLACED", types.ReplacementConditional: "perhaps replaced"}

// prepared reads back the change set that the CLI made.
func (d Deployment) prepared(ctx context.Context, stack cfn.Stack, name string) (PreparedStack, error) {
	set, changes, err := d.Stacks().ChangeSet(ctx, stack.Region, stack.Name, name)
	if err != nil {
		return PreparedStack{}, err
	}
	found, err := d.Stacks().Describe(ctx, stack.Region, stack.Name)
	if err != nil {
		return PreparedStack{}, err
	}
	ready := PreparedStack{ID: stack.ID, Name: stack.Name, Region: stack.Region, TemplateSHA256: hash(stack.Raw),
		Status: found.Status, Updated: found.Updated, Outputs: found.Outputs}
	switch {
	case set.Status == types.ChangeSetStatusCreateComplete:
		ready.ChangeSetARN = aws.ToString(set.ChangeSetId)
		var lines []string
		for _, change := range changes {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", change.Action, aws.ToString(change.ResourceType), aws.ToString(change.LogicalResourceId), replaced[change.Replacement])))
		}
		d.Console.List(stacks.Short(stack)+" will change:", lines)
	case emptyChangeSet(set):
		d.Console.Say("%s: no change", stacks.Short(stack))
	default:
		return PreparedStack{}, fmt.Errorf("change set %s is %s: %s", name, set.Status, aws.ToString(set.StatusReason))
	}
	return ready, nil
}

// emptyChangeSet recognizes CloudFormation's ways to say that nothing changes.
func emptyChangeSet(set cloudformation.DescribeChangeSetOutput) bool {
	reason := aws.ToString(set.StatusReason)
	return set.Status == types.ChangeSetStatusFailed &&
		(strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed"))
}

// hash is the SHA-256 of a JSON document, whatever its white space and order of
// keys: CloudFormation returns a template as it likes.
func hash(document []byte) string {
	var content any
	if err := json.Unmarshal(document, &content); err == nil {
		if plain, err := json.Marshal(content); err == nil {
			document = plain
		}
	}
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

// commit names the state of the checkout; a directory without git is "unknown".
func (d Deployment) commit(ctx context.Context) string {
	git := func(arguments ...string) (string, error) {
		command := exec.CommandContext(ctx, "git", arguments...)
		command.Dir = d.CDK.Dir
		output, err := command.Output()
		return string(bytes.TrimSpace(output)), err
	}
	head, err := git("rev-parse", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changed, err := git("status", "--porcelain"); err != nil || changed != "" {
		return head + "-dirty"
	}
	return head
}

func writeManifest(path string, manifest Manifest) error {
	content, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o600)
}

func readManifest(path string) (Manifest, error) {
	var manifest Manifest
	content, err := os.ReadFile(path)
	if err != nil {
		return manifest, err
	}
	if err := json.Unmarshal(content, &manifest); err != nil {
		return manifest, fmt.Errorf("%s: not a manifest of change sets: %w", path, err)
	}
	if len(manifest.Stacks) == 0 {
		return manifest, errors.New(path + ": names no stack")
	}
	return manifest, nil
}
