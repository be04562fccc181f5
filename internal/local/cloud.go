package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/stacks"
)

// Cloud is what this package asks of an emulator. Every answer comes from an API,
// none from what the CDK CLI printed.
type Cloud interface {
	// Account is the account that the access key stands for.
	Account(ctx context.Context) (string, error)
	// BootstrapVersion is the version of the region's bootstrap resources, empty
	// where there are none.
	BootstrapVersion(ctx context.Context, region string) (string, error)
	// Stack is a stack of a region; one without a status where there is none.
	Stack(ctx context.Context, region, name string) (stacks.Live, error)
	// Resources are a stack's resources, by logical ID; a stack that is not there has
	// none.
	Resources(ctx context.Context, region, stack string) (map[string]Resource, error)
	// Failures are the latest failed events of a stack.
	Failures(ctx context.Context, stack cfn.Stack) []string
	// Unprotect takes a stack's termination protection away.
	Unprotect(ctx context.Context, region, stack string) error
	// HostedZone is the ID of the public hosted zone of a name, which is made where
	// there is none.
	HostedZone(ctx context.Context, name string) (id string, err error)
	// Read asks the service that a resource belongs to. It fails with [ErrGone] for
	// what is not there and with [ErrNoReader] for a type that it cannot ask about.
	Read(ctx context.Context, region, resourceType, id string) (Facts, error)
	// Lacks are those of some types that the emulator does not know.
	Lacks(ctx context.Context, types []string) ([]string, error)
}

// Resource is a resource in the emulator.
type Resource struct {
	ID, Type string
}

// Facts are the sizes of a resource, as its own service tells them.
type Facts map[string]string

// What a Cloud fails with, beside the emulator's own errors.
var (
	ErrGone     = errors.New("not there")
	ErrNoReader = errors.New("no reader for this type")
)

// patience bounds one call.
const patience = time.Minute

// emulator is the Cloud behind an endpoint.
type emulator struct {
	endpoint, account, home string
	http                    *http.Client
	stacks                  stacks.Reader
}

// NewCloud returns the emulator at a checked endpoint, see package loopback, as an
// environment's account sees it. Its primary region is asked about what has none.
func NewCloud(endpoint string, env config.Environment) Cloud {
	e := emulator{endpoint: endpoint, account: env.Site.Account, home: env.Primary.Name,
		http: &http.Client{Timeout: patience, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}}
	e.stacks = stacks.NewReader(account.New(env, e.config(e.home), true))
	return e
}

// config is the SDK's configuration, from nothing but its arguments: neither the
// environment nor a file can point it elsewhere.
func (e emulator) config(region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(e.endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(e.account, "emulator", ""),
		HTTPClient:   e.http,
	}
}

func (e emulator) Account(ctx context.Context) (string, error) {
	caller, err := sts.NewFromConfig(e.config(e.home)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(caller.Account), nil
}

func (e emulator) BootstrapVersion(ctx context.Context, region string) (string, error) {
	found, err := ssm.NewFromConfig(e.config(region)).GetParameters(ctx,
		&ssm.GetParametersInput{Names: []string{"/cdk-bootstrap/hnb659fds/version"}})
	if err != nil || len(found.Parameters) == 0 {
		return "", err
	}
	return aws.ToString(found.Parameters[0].Value), nil
}

func (e emulator) Stack(ctx context.Context, region, name string) (stacks.Live, error) {
	return e.stacks.Describe(ctx, region, name)
}

func (e emulator) Failures(ctx context.Context, stack cfn.Stack) []string {
	return e.stacks.Failures(ctx, stack)
}

func (e emulator) Resources(ctx context.Context, region, stack string) (map[string]Resource, error) {
	// An emulator lists the resources of a deleted stack too, but does not describe it.
	if live, err := e.Stack(ctx, region, stack); err != nil || !live.Exists() {
		return nil, err
	}
	listed, err := e.stacks.Resources(ctx, region, stack)
	found := map[string]Resource{}
	for _, resource := range listed {
		found[aws.ToString(resource.LogicalResourceId)] = Resource{ID: aws.ToString(resource.PhysicalResourceId), Type: aws.ToString(resource.ResourceType)}
	}
	return found, err
}

func (e emulator) Unprotect(ctx context.Context, region, stack string) error {
	_, err := cloudformation.NewFromConfig(e.config(region)).UpdateTerminationProtection(ctx,
		&cloudformation.UpdateTerminationProtectionInput{StackName: aws.String(stack), EnableTerminationProtection: aws.Bool(false)})
	return err
}

// unrecognized is CloudFormation's answer to a template with types that it does not
// know: all of them.
var unrecognized = regexp.MustCompile(`Unrecognized resource types: \[([^\]]*)\]`)

func (e emulator) Lacks(ctx context.Context, types []string) ([]string, error) {
	resources := map[string]any{}
	for i, name := range types {
		resources[fmt.Sprint("Of", i)] = map[string]any{"Type": name}
	}
	template, err := json.Marshal(map[string]any{"Resources": resources})
	if err != nil {
		return nil, err
	}
	_, err = cloudformation.NewFromConfig(e.config(e.home)).ValidateTemplate(ctx,
		&cloudformation.ValidateTemplateInput{TemplateBody: aws.String(string(template))})
	if err == nil {
		return nil, nil
	}
	lacking := unrecognized.FindStringSubmatch(err.Error())
	if lacking == nil {
		return nil, err
	}
	return strings.Split(lacking[1], ", "), nil
}

func (e emulator) HostedZone(ctx context.Context, name string) (string, error) {
	client := route53.NewFromConfig(e.config(e.home))
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

func (e emulator) Read(ctx context.Context, region, resourceType, id string) (Facts, error) {
	reader, ok := readers[resourceType]
	if !ok {
		return nil, ErrNoReader
	}
	facts, err := reader(ctx, e.config(region), id)
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
