package region

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines/emulator/ministack"
)

// platform is production in the emulator, as far as a change of region touches it.
type platform struct {
	env    config.Environment
	stacks []cfn.Stack // by ID in the stage, with the emulator's hosted zone
	wire   *wire
	zone   string
	// checks are the health checks that Region switch makes for the traffic plan, by
	// region.
	checks map[string]string
}

// production is the environment whose plans are carried out.
var production = config.Production()

// deployed are the resources that CloudFormation makes in the emulator. MiniStack knows
// no global clusters, groups of records, health checks and scaling bounds there, and its
// clusters do not join a global one: those are made through their own APIs, or read from
// the template ([platform.policies], [platform.maximum]).
var deployed = []string{
	"AWS::ECS::Cluster", "AWS::ECS::TaskDefinition", "AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::LoadBalancer",
	"AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::Route53::RecordSet", "AWS::CloudWatch::Alarm",
}

// The stacks that a change of region touches, by their IDs in the stage.
const (
	stackData      = "Data"
	stackDR        = "DR"
	stackCompute   = "Compute"
	stackDRCompute = "DR-Compute"
	stackRecovery  = "DR-Recovery"
)

// deploy makes both regions from the templates. The emulator starts empty.
func deploy(t *testing.T, emulator ministack.Server, templates []cfn.Stack, sabotage func(*platform)) *platform {
	t.Helper()
	response, err := http.Post(emulator.Endpoint+"/_ministack/reset", "", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	p := &platform{env: production, wire: newWire(t, emulator.Endpoint), checks: map[string]string{}}
	zone, err := p.dns().CreateHostedZone(t.Context(), &route53.CreateHostedZoneInput{Name: &p.env.Site.HostedZone.Name, CallerReference: new("zone")})
	require.NoError(t, err)
	p.zone = strings.TrimPrefix(*zone.HostedZone.Id, "/hostedzone/")
	for _, stack := range templates {
		content := bytes.ReplaceAll(stack.Raw, []byte(p.env.Site.HostedZone.ID), []byte(p.zone))
		stack.Template, err = cfn.Parse(content)
		require.NoError(t, err)
		p.stacks = append(p.stacks, stack)
	}
	if sabotage != nil {
		sabotage(p)
	}
	p.makeChecks(t)
	p.makeDatabase(t)
	for _, stack := range []string{stackCompute, stackDRCompute, stackRecovery} {
		p.makeStack(t, p.stack(stack))
	}
	p.makeName(t)
	require.NoError(t, p.want(t.Context(), p.env.Primary.Name, p.load()))
	require.NoError(t, p.want(t.Context(), p.env.Secondary.Name, p.env.DR.MinTasks))
	return p
}

// stack is one of the environment's, by its ID in the stage.
func (p *platform) stack(id string) cfn.Stack {
	return p.stacks[slices.IndexFunc(p.stacks, func(s cfn.Stack) bool { return strings.HasSuffix(s.ID, "/"+id) })]
}

// only is the one resource of a type in a stack.
func (p *platform) only(stack, resourceType string) cfn.Resource {
	return p.stack(stack).Template.OfType(resourceType)[0]
}

// retries are the SDK's own, in a time that a test has.
const retries, backoff = 8, 20 * time.Millisecond

// in is the SDK's configuration for a region, before the wire.
func (p *platform) in(region string) aws.Config {
	made := ministack.Server{Endpoint: p.wire.URL}.Config(p.env.Site.Account, region)
	made.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = retries, backoff, ratelimit.None
		})
	}
	return made
}

// dns is Route 53's client, which is signed for us-east-1 wherever it is called from.
func (p *platform) dns() *route53.Client { return route53.NewFromConfig(p.in("us-east-1")) }

// resolve says what a value of a stack stands for. What is not in the emulator has a
// stand-in of its own name; what is, stays for the emulator to say.
func (p *platform) resolve(in cfn.Stack, value any) any {
	resolver := cfn.Resolver{Stacks: p.stacks, Attribute: func(of cfn.Stack, r cfn.Resource, attribute string, resolve func(any) any) (any, bool) {
		if of.Name == in.Name && slices.Contains(deployed, r.Type) {
			return nil, false
		}
		return p.standIn(of, r, attribute, resolve), true
	}}
	return resolver.Resolve(in, value)
}

// standIn is what stands for a resource that the emulator does not have.
func (p *platform) standIn(in cfn.Stack, r cfn.Resource, attribute string, resolve func(any) any) any {
	arn := func(service, rest string) string { return config.ARN(service, "", in.Account, rest) }
	switch {
	case r.Type == "AWS::ARCRegionSwitch::Plan" && attribute == "PlanHealthChecks":
		// "zone:name:region:check", see constructs/recovery.
		list := []any{}
		for _, region := range p.regions() {
			list = append(list, strings.Join([]string{p.zone, p.env.Site.APIDomain, region, p.checks[region]}, ":"))
		}
		return list
	case r.Type == "AWS::ARCRegionSwitch::Plan":
		return arn("arc-region-switch", "plan/"+text(resolve(r.Properties["Name"]))+":a1b2c3")
	case r.Type == "AWS::IAM::Role" && attribute == "Arn":
		return arn("iam", "role/"+r.ID)
	case r.Type == "AWS::RDS::DBCluster" && attribute == "":
		return resolve(r.Properties["DBClusterIdentifier"])
	case strings.HasSuffix(attribute, "Port"):
		return "3306"
	}
	// As many parts as a secret's ARN, which templates take apart.
	return config.ARN("none", in.Region, in.Account, "none:"+strings.ToLower(r.ID+attribute))
}

func text(value any) string { return cfn.Render(cfn.Normalize(value)) }

func (p *platform) regions() []string { return []string{p.env.Primary.Name, p.env.Secondary.Name} }

// makeStack deploys a stack's resources of the types that are needed.
func (p *platform) makeStack(t *testing.T, stack cfn.Stack) {
	t.Helper()
	resources := cfn.Object{}
	for id, r := range stack.Template.Resources {
		if !slices.Contains(deployed, r.Type) || r.Type == "AWS::CloudWatch::Alarm" && r.Properties["Metrics"] != nil {
			continue
		}
		resources[id] = cfn.Object{"Type": r.Type, "Properties": p.resolve(stack, r.Properties)}
	}
	body, err := json.Marshal(cfn.Object{"Resources": resources})
	require.NoError(t, err)
	client := cloudformation.NewFromConfig(p.in(stack.Region))
	_, err = client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &stack.Name, TemplateBody: new(string(body))})
	require.NoError(t, err, stack.ID)
	for {
		found, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &stack.Name})
		require.NoError(t, err, stack.ID)
		if status := found.Stacks[0].StackStatus; status != cfntypes.StackStatusCreateInProgress {
			require.Equal(t, cfntypes.StackStatusCreateComplete, status, "%s: %s", stack.ID, failures(t, client, stack.Name))
			return
		}
		time.Sleep(look)
	}
}

// failures are why a stack was not made, in the emulator's words.
func failures(t *testing.T, client *cloudformation.Client, stack string) string {
	t.Helper()
	events, err := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &stack})
	require.NoError(t, err)
	var said []string
	for _, event := range events.StackEvents {
		if event.ResourceStatus == cfntypes.ResourceStatusCreateFailed {
			said = append(said, aws.ToString(event.LogicalResourceId)+": "+aws.ToString(event.ResourceStatusReason))
		}
	}
	return strings.Join(said, "\n")
}

// makeDatabase makes the global database: the first region's cluster, the global one
// around it, and the second region's that joins. With the version of the templates the
// emulator would want a MySQL container for a switchover; with this one it keeps books.
func (p *platform) makeDatabase(t *testing.T) {
	t.Helper()
	global := p.only(stackData, "AWS::RDS::GlobalCluster").Properties
	for _, stack := range []cfn.Stack{p.stack(stackData), p.stack(stackDR)} {
		client := rds.NewFromConfig(p.in(stack.Region))
		cluster, _ := p.resolve(stack, stack.Template.OfType("AWS::RDS::DBCluster")[0].Properties).(cfn.Object)
		input := &rds.CreateDBClusterInput{
			DBClusterIdentifier: new(text(cluster["DBClusterIdentifier"])), Engine: new(text(cluster["Engine"])), EngineVersion: new("5.7.mysql_aurora.2.12.0"),
		}
		if joins := cluster["GlobalClusterIdentifier"]; joins != nil {
			input.GlobalClusterIdentifier = new(text(joins))
		} else {
			input.MasterUsername, input.MasterUserPassword = new(text(cluster["MasterUsername"])), new("nobody-logs-in")
		}
		_, err := client.CreateDBCluster(t.Context(), input)
		require.NoError(t, err)
		if stack.Region == p.env.Primary.Name {
			_, err = client.CreateGlobalCluster(t.Context(), &rds.CreateGlobalClusterInput{
				GlobalClusterIdentifier:   new(text(global["GlobalClusterIdentifier"])),
				SourceDBClusterIdentifier: new(text(p.resolve(stack, global["SourceDBClusterIdentifier"]))),
			})
			require.NoError(t, err)
		}
	}
}

// makeChecks makes what Region switch makes when the traffic plan exists: a health check
// for each region, healthy for the one that serves.
// https://docs.aws.amazon.com/r53recovery/latest/dg/route53-health-check-block.html
//
// They are calculated checks of nothing, which are healthy, and unhealthy when inverted.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
func (p *platform) makeChecks(t *testing.T) {
	t.Helper()
	for _, region := range p.regions() {
		made, err := p.dns().CreateHealthCheck(t.Context(), &route53.CreateHealthCheckInput{
			CallerReference: &region,
			HealthCheckConfig: &r53types.HealthCheckConfig{
				Type: r53types.HealthCheckTypeCalculated, HealthThreshold: new(int32(0)), Inverted: new(region != p.env.Primary.Name),
			},
		})
		require.NoError(t, err)
		p.checks[region] = *made.HealthCheck.Id
	}
}

// makeName makes the records of the API's name from their group.
func (p *platform) makeName(t *testing.T) {
	t.Helper()
	group := p.only(stackRecovery, "AWS::Route53::RecordSetGroup")
	batch := &r53types.ChangeBatch{}
	for _, record := range cfn.List(p.resolve(p.stack(stackRecovery), group.Properties["RecordSets"])) {
		get := func(path ...any) string { return text(cfn.Lookup(record, path...)) }
		batch.Changes = append(batch.Changes, r53types.Change{Action: r53types.ChangeActionCreate, ResourceRecordSet: &r53types.ResourceRecordSet{
			Name: new(get("Name")), Type: r53types.RRType(get("Type")), SetIdentifier: new(get("SetIdentifier")),
			Failover: r53types.ResourceRecordSetFailover(get("Failover")), HealthCheckId: new(get("HealthCheckId")),
			AliasTarget: &r53types.AliasTarget{
				DNSName: new(get("AliasTarget", "DNSName")), HostedZoneId: new(get("AliasTarget", "HostedZoneId")),
				EvaluateTargetHealth: get("AliasTarget", "EvaluateTargetHealth") == "true",
			},
		}})
	}
	_, err := p.dns().ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &p.zone, ChangeBatch: batch})
	require.NoError(t, err)
}

// load is how many tasks the wallet needs at its busiest: the most that config allows.
func (p *platform) load() int { return p.env.Service.MaxTasks }

// want sets how many tasks a region's service wants, as autoscaling does there.
func (p *platform) want(ctx context.Context, region string, tasks int) error {
	_, err := ecs.NewFromConfig(p.in(region)).UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: new(p.env.Names().ECSClusterName()), Service: new(p.env.Names().ServiceName()), DesiredCount: new(int32(tasks)), // #nosec G115 -- a count of tasks
	})
	return err
}

// look is between two looks at something that comes about.
const look = 20 * time.Millisecond

// tasks are those that a region's service wants and runs.
func (p *platform) tasks(ctx context.Context, region, cluster, service string) (wanted, running int, err error) {
	found, err := ecs.NewFromConfig(p.in(region)).DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &cluster, Services: []string{service}})
	if err == nil && len(found.Services) != 1 {
		err = fmt.Errorf("no service %s in %s", service, cluster)
	}
	if err != nil {
		return 0, 0, err
	}
	return int(found.Services[0].DesiredCount), int(found.Services[0].RunningCount), nil
}
