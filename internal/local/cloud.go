package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Cloud is what this package asks of an emulator. Every answer comes from an API,
// none from what the CDK CLI printed.
type Cloud interface {
	// Account is the account that the access key stands for.
	Account(ctx context.Context) (string, error)
	// AssumedAccount is the account that credentials of an assumed role act in.
	AssumedAccount(ctx context.Context, role string) (string, error)
	// BootstrapVersion is the version of the region's bootstrap resources, empty
	// where there are none.
	BootstrapVersion(ctx context.Context, region string) (string, error)
	// Stacks are the region's stacks that are not deleted, by name.
	Stacks(ctx context.Context, region string) (map[string]Stack, error)
	// Resources are a stack's resources, by logical ID; a stack that is not there has
	// none.
	Resources(ctx context.Context, region, stack string) (map[string]Resource, error)
	// Events is how many events a stack has had.
	Events(ctx context.Context, region, stackID string) (int, error)
	// Failures are the failed events of a stack, named by its ID.
	Failures(ctx context.Context, region, stackID string) ([]Failure, error)
	// Protect switches a stack's termination protection. It fails with [ErrLacking]
	// where the emulator knows no such thing.
	Protect(ctx context.Context, region, stack string, on bool) error
	// HostedZone is the ID of the public hosted zone of a name, which is made where
	// there is none.
	HostedZone(ctx context.Context, name string) (id string, err error)
	// Read asks the service that a resource belongs to. It fails with [ErrGone] for
	// what is not there and with [ErrNoReader] for a type that it cannot ask about.
	Read(ctx context.Context, region, resourceType, id string) (Facts, error)
	// Try deploys a template in an account for trials, deletes it, and returns why
	// the emulator refused it, nothing when it did not, and the resources' IDs.
	Try(ctx context.Context, region, template string) (refusals []Failure, made map[string]Resource, err error)
	// Tried reads a resource in the account for trials.
	Tried(ctx context.Context, region, resourceType, id string) (Facts, error)
}

// Stack is a stack in the emulator.
type Stack struct {
	ID, Status string
	Outputs    map[string]string
}

// Resource is a resource in the emulator.
type Resource struct {
	ID, Type string
}

// Failure is an event in which a resource failed.
type Failure struct {
	LogicalID, Type, Status, Reason string
}

// String is the event in one line.
func (f Failure) String() string {
	return fmt.Sprintf("%s %s: %s: %s", f.Type, f.LogicalID, f.Status, f.Reason)
}

// Facts are the sizes of a resource, as its own service tells them.
type Facts map[string]string

// What a Cloud fails with, beside the emulator's own errors.
var (
	ErrGone     = errors.New("not there")
	ErrNoReader = errors.New("no reader for this type")
	ErrLacking  = errors.New("not in the emulator")
)

// scratchAccount is where resources are tried: no environment has it, so whatever
// a trial leaves behind is in nobody's way.
const scratchAccount = "000000000042"

// patience bounds the wait for one trial stack.
const patience = time.Minute

// emulator is the Cloud behind an endpoint.
type emulator struct {
	endpoint, account, home string
	http                    *http.Client
}

// NewCloud returns the emulator at a checked endpoint, see [Endpoint], as one
// account sees it. The home region is asked about what has no region.
func NewCloud(endpoint, account, home string) Cloud {
	return emulator{endpoint: endpoint, account: account, home: home,
		http: &http.Client{Timeout: patience, Transport: forgiving{&http.Transport{Proxy: nil, DisableKeepAlives: true}}}}
}

// forgiving drops empty times from XML answers: an emulator writes them for what has
// no time yet, and the SDK refuses to read the whole answer.
type forgiving struct{ http.RoundTripper }

var emptyTime = regexp.MustCompile(`<[A-Za-z]*Time></[A-Za-z]*Time>`)

func (f forgiving) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := f.RoundTripper.RoundTrip(request)
	if err != nil || !strings.Contains(answer.Header.Get("Content-Type"), "xml") {
		return answer, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	content = emptyTime.ReplaceAll(content, nil)
	answer.Body = io.NopCloser(bytes.NewReader(content))
	answer.ContentLength = int64(len(content))
	answer.Header.Del("Content-Length")
	return answer, nil
}

// config is the SDK's configuration, from nothing but its arguments: neither the
// environment nor a file can point it elsewhere.
func (e emulator) config(account, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(e.endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(account, "emulator", ""),
		HTTPClient:   e.http,
	}
}

func (e emulator) Account(ctx context.Context) (string, error) {
	caller, err := sts.NewFromConfig(e.config(e.account, e.home)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(caller.Account), nil
}

func (e emulator) AssumedAccount(ctx context.Context, role string) (string, error) {
	assumed, err := sts.NewFromConfig(e.config(e.account, e.home)).AssumeRole(ctx,
		&sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("local")})
	if err != nil {
		return "", err
	}
	as := e.config(e.account, e.home)
	given := assumed.Credentials
	as.Credentials = credentials.NewStaticCredentialsProvider(
		aws.ToString(given.AccessKeyId), aws.ToString(given.SecretAccessKey), aws.ToString(given.SessionToken))
	caller, err := sts.NewFromConfig(as).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(caller.Account), nil
}

func (e emulator) BootstrapVersion(ctx context.Context, region string) (string, error) {
	found, err := ssm.NewFromConfig(e.config(e.account, region)).GetParameters(ctx,
		&ssm.GetParametersInput{Names: []string{"/cdk-bootstrap/hnb659fds/version"}})
	if err != nil || len(found.Parameters) == 0 {
		return "", err
	}
	return aws.ToString(found.Parameters[0].Value), nil
}

func (e emulator) Stacks(ctx context.Context, region string) (map[string]Stack, error) {
	client := cloudformation.NewFromConfig(e.config(e.account, region))
	found := map[string]Stack{}
	pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, stack := range page.Stacks {
			if stack.StackStatus == types.StackStatusDeleteComplete {
				continue
			}
			outputs := map[string]string{}
			for _, output := range stack.Outputs {
				outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
			}
			found[aws.ToString(stack.StackName)] = Stack{ID: aws.ToString(stack.StackId),
				Status: string(stack.StackStatus), Outputs: outputs}
		}
	}
	return found, nil
}

func allEvents(ctx context.Context, client *cloudformation.Client, stack string) ([]types.StackEvent, error) {
	var events []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(client,
		&cloudformation.DescribeStackEventsInput{StackName: aws.String(stack)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		events = append(events, page.StackEvents...)
	}
	return events, nil
}

func (e emulator) Resources(ctx context.Context, region, stack string) (map[string]Resource, error) {
	// An emulator lists the resources of a deleted stack too, but does not describe it.
	client := cloudformation.NewFromConfig(e.config(e.account, region))
	_, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return stackResources(ctx, client, stack)
}

func stackResources(ctx context.Context, client *cloudformation.Client, stack string) (map[string]Resource, error) {
	found := map[string]Resource{}
	pages := cloudformation.NewListStackResourcesPaginator(client,
		&cloudformation.ListStackResourcesInput{StackName: aws.String(stack)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, resource := range page.StackResourceSummaries {
			found[aws.ToString(resource.LogicalResourceId)] = Resource{
				ID: aws.ToString(resource.PhysicalResourceId), Type: aws.ToString(resource.ResourceType)}
		}
	}
	return found, nil
}

func (e emulator) Events(ctx context.Context, region, stackID string) (int, error) {
	events, err := allEvents(ctx, cloudformation.NewFromConfig(e.config(e.account, region)), stackID)
	return len(events), err
}

func (e emulator) Protect(ctx context.Context, region, stack string, on bool) error {
	_, err := cloudformation.NewFromConfig(e.config(e.account, region)).UpdateTerminationProtection(ctx,
		&cloudformation.UpdateTerminationProtectionInput{StackName: aws.String(stack), EnableTerminationProtection: aws.Bool(on)})
	if err != nil && strings.Contains(err.Error(), "InvalidAction") {
		return fmt.Errorf("%w: termination protection: %s", ErrLacking, firstLine(err.Error()))
	}
	return err
}

func (e emulator) HostedZone(ctx context.Context, name string) (string, error) {
	client := route53.NewFromConfig(e.config(e.account, e.home))
	zones, err := client.ListHostedZonesByName(ctx, &route53.ListHostedZonesByNameInput{DNSName: aws.String(name)})
	if err != nil {
		return "", err
	}
	for _, zone := range zones.HostedZones {
		if strings.TrimSuffix(aws.ToString(zone.Name), ".") == name {
			return zoneID(zone.Id), nil
		}
	}
	made, err := client.CreateHostedZone(ctx, &route53.CreateHostedZoneInput{Name: aws.String(name),
		CallerReference: aws.String(fmt.Sprint(time.Now().UnixNano()))})
	if err != nil {
		return "", err
	}
	return zoneID(made.HostedZone.Id), nil
}

// zoneID drops the path that Route 53 puts before an ID.
func zoneID(id *string) string { return strings.TrimPrefix(aws.ToString(id), "/hostedzone/") }

func (e emulator) Failures(ctx context.Context, region, stackID string) ([]Failure, error) {
	return failures(ctx, cloudformation.NewFromConfig(e.config(e.account, region)), stackID)
}

func failures(ctx context.Context, client *cloudformation.Client, stack string) ([]Failure, error) {
	events, err := allEvents(ctx, client, stack)
	var failed []Failure
	for _, event := range events {
		if strings.HasSuffix(string(event.ResourceStatus), "_FAILED") {
			failed = append(failed, Failure{LogicalID: aws.ToString(event.LogicalResourceId), Type: aws.ToString(event.ResourceType),
				Status: string(event.ResourceStatus), Reason: aws.ToString(event.ResourceStatusReason)})
		}
	}
	return failed, err
}

func (e emulator) Try(ctx context.Context, region, template string) ([]Failure, map[string]Resource, error) {
	// A name of its own for each trial: one that went wrong is in nobody's way.
	name := fmt.Sprintf("wallet-trial-%d", time.Now().UnixNano())
	client := cloudformation.NewFromConfig(e.config(scratchAccount, region))
	_, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String(name),
		TemplateBody: aws.String(template), DisableRollback: aws.Bool(true),
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}})
	// The name is new: the emulator knows it when the SDK has asked a second time,
	// after a connection that broke.
	if known := new(types.AlreadyExistsException); err != nil && !errors.As(err, &known) {
		return nil, nil, err
	}
	if err := settled(ctx, client, name); err != nil {
		return nil, nil, err
	}
	refusals, err := failures(ctx, client, name)
	if err != nil {
		return nil, nil, err
	}
	var made map[string]Resource
	if len(refusals) == 0 {
		if made, err = stackResources(ctx, client, name); err != nil {
			return nil, nil, err
		}
	}
	if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String(name)}); err != nil {
		return nil, nil, err
	}
	return refusals, made, settled(ctx, client, name)
}

// settled waits until a stack does nothing any more.
func settled(ctx context.Context, client *cloudformation.Client, stack string) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for {
		answer, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
		if err != nil {
			if strings.Contains(err.Error(), "does not exist") {
				return nil
			}
			return err
		}
		if len(answer.Stacks) == 0 || !strings.HasSuffix(string(answer.Stacks[0].StackStatus), "_IN_PROGRESS") {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
}

func (e emulator) Read(ctx context.Context, region, resourceType, id string) (Facts, error) {
	return e.read(ctx, e.config(e.account, region), resourceType, id)
}

func (e emulator) Tried(ctx context.Context, region, resourceType, id string) (Facts, error) {
	return e.read(ctx, e.config(scratchAccount, region), resourceType, id)
}

func (emulator) read(ctx context.Context, config aws.Config, resourceType, id string) (Facts, error) {
	reader, ok := readers[resourceType]
	if !ok {
		return nil, ErrNoReader
	}
	facts, err := reader(ctx, config, id)
	if err != nil && gone.MatchString(err.Error()) {
		return nil, fmt.Errorf("%w: %s", ErrGone, firstLine(err.Error()))
	}
	if err == nil && facts == nil {
		return nil, ErrGone
	}
	return facts, err
}

// gone matches how the services say that they do not know a resource. The SDK has
// a type for each, the emulator not always the same.
var gone = regexp.MustCompile(`(?i)not ?found|nosuch|does not exist|unable to describe task|StatusCode: 404`)

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
