package region

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
)

// What happened in an execution.
const (
	approved = "a person approved"
	lossy    = "a failover that may lose data was asked for"
	promoted = "the database writes in the activated region"
	scaled   = "the tasks run"
	moved    = "the name moved"
)

// region is config's, by name.
func (p *platform) region(name string) config.Region {
	if name == p.env.Primary.Name {
		return p.env.Primary
	}
	return p.env.Secondary
}

// judge says all that is wrong once a region was activated. What is right comes from
// config, and of the emulator's services, from those of that region.
func (r *regionSwitch) judge(ctx context.Context, region string, events []string) []string {
	var wrong []string
	note := func(holds bool, format string, arguments ...any) {
		if !holds {
			wrong = append(wrong, fmt.Sprintf(format, arguments...))
		}
	}
	answer, err := r.ask(ctx, r.env.Site.APIDomain)
	entrance, failed := r.loadBalancer(ctx, region)
	note(err == nil && failed == nil && answer == entrance, "customers do not reach %s: %s leads to %q and not to %q (%v, %v)",
		region, r.env.Site.APIDomain, answer, entrance, err, failed)

	names := r.env.Names()
	global, err := r.global(ctx, rds.NewFromConfig(r.in(region)), names.GlobalClusterName())
	note(err == nil && writer(global) == names.DatabaseClusterARN(r.region(region)), "%s is not the only writer: %q is (%v)", region, writer(global), err)
	note(len(global.GlobalClusterMembers) == len(r.regions()), "the global database has %d members", len(global.GlobalClusterMembers))

	wanted, running, err := r.tasks(ctx, region, names.ECSClusterName(), names.ServiceName())
	note(err == nil && wanted >= r.load() && running > 0, "%s wants %d tasks and runs %d, the load needs %d (%v)", region, wanted, running, r.load(), err)
	for _, stack := range []string{stackCompute, stackDRCompute} {
		note(r.maximum(stack) == strconv.Itoa(r.load()), "%s may run %s tasks, the load needs %d", stack, r.maximum(stack), r.load())
	}
	wrong = append(wrong, inOrder(events)...)
	return append(wrong, r.unknown(ctx)...)
}

// inOrder says what came too early: approval before any loss, and customers last, which
// is the order of [config.Recovery.RTOBudget].
func inOrder(events []string) []string {
	var wrong []string
	at := func(event string) int { return slices.Index(events, event) }
	for _, change := range []string{lossy, promoted} {
		if at(change) >= 0 && (at(approved) < 0 || at(approved) > at(change)) {
			wrong = append(wrong, "nobody approved before: "+change)
		}
	}
	for _, before := range []string{promoted, scaled} {
		if at(moved) >= 0 && at(moved) < at(before) {
			wrong = append(wrong, "customers came before: "+before)
		}
	}
	return wrong
}

// unknown is what the failover plan does not know: the regions, and the alarms on them
// where they exist. The metrics of Route 53's health checks are in us-east-1 alone.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html
func (r *regionSwitch) unknown(ctx context.Context) []string {
	failover, err := r.named(config.PlanFailover)
	if err != nil {
		return []string{err.Error()}
	}
	watched := map[string]bool{}
	for _, alarm := range failover.AssociatedAlarms {
		watched[alarm.ResourceIdentifier] = true
	}
	var wrong []string
	if first := failover.PrimaryRegion; first != r.env.Primary.Name || !slices.Contains(failover.Regions, r.env.Secondary.Name) {
		wrong = append(wrong, fmt.Sprintf("the plan leads from %s within %s", first, failover.Regions))
	}
	client := cloudwatch.NewFromConfig(r.in("us-east-1"))
	for _, region := range r.regions() {
		name := r.env.Names().AlarmName(config.AlarmLoadBalancer(r.region(region)))
		found, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
		if err != nil || len(found.MetricAlarms) != 1 || !watched[aws.ToString(found.MetricAlarms[0].AlarmArn)] {
			wrong = append(wrong, fmt.Sprintf("the plan does not watch the alarm %s of us-east-1 (%v)", name, err))
			continue
		}
		wrong = append(wrong, r.probed(region, name)...)
	}
	return wrong
}

// probed says where an alarm about a region looks at something else than that region's
// own name: who reads it would fail over away from the region that is well. It reads the
// templates: the emulator's health checks have other IDs than it tells the alarms.
func (r *regionSwitch) probed(region, name string) []string {
	made := r.stack(stackRecovery).Template
	for _, alarm := range made.OfType("AWS::CloudWatch::Alarm") {
		if alarm.Properties["AlarmName"] != name {
			continue
		}
		id, _ := cfn.Lookup(alarm.Properties, "Dimensions", 0, "Value", "Fn::GetAtt", 0).(string)
		for _, probe := range made.OfType("AWS::Route53::HealthCheck") {
			want := r.env.Names().RegionalDomain(r.region(region))
			if asked := cfn.Lookup(probe.Properties, "HealthCheckConfig", "FullyQualifiedDomainName"); probe.ID == id && asked != want {
				return []string{fmt.Sprintf("%s looks at %v and not at %s", name, asked, want)}
			} else if probe.ID == id {
				return nil
			}
		}
	}
	return []string{name + " looks at nothing"}
}

// loadBalancer is the address of a region's only one.
func (p *platform) loadBalancer(ctx context.Context, region string) (string, error) {
	found, err := elasticloadbalancingv2.NewFromConfig(p.in(region)).DescribeLoadBalancers(ctx, &elasticloadbalancingv2.DescribeLoadBalancersInput{})
	if err != nil {
		return "", err
	}
	if len(found.LoadBalancers) != 1 {
		return "", fmt.Errorf("%d load balancers in %s", len(found.LoadBalancers), region)
	}
	return aws.ToString(found.LoadBalancers[0].DNSName), nil
}

// ask answers a name as Route 53 does: of a failover pair the primary record while its
// check is healthy, else the secondary one while its is, else the primary again; an
// alias leads to another record, or out of the zone to a load balancer.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
func (p *platform) ask(ctx context.Context, name string) (string, error) {
	found, err := p.dns().ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &p.zone})
	if err != nil {
		return "", err
	}
	const longest = 5 // aliases of aliases
	for range longest {
		record, err := p.choose(ctx, found.ResourceRecordSets, name)
		if err != nil || record == nil || record.AliasTarget == nil {
			return strings.TrimPrefix(name, "dualstack."), err
		}
		name = strings.TrimSuffix(aws.ToString(record.AliasTarget.DNSName), ".")
	}
	return "", fmt.Errorf("the aliases of %s never end", name)
}

func (p *platform) choose(ctx context.Context, records []r53types.ResourceRecordSet, name string) (*r53types.ResourceRecordSet, error) {
	var candidates []*r53types.ResourceRecordSet
	for i, record := range records {
		if sameName(record.Name, name) && record.Type == r53types.RRTypeA {
			candidates = append(candidates, &records[i])
		}
	}
	slices.SortFunc(candidates, func(a, b *r53types.ResourceRecordSet) int {
		return strings.Compare(string(a.Failover), string(b.Failover))
	})
	for _, record := range candidates {
		if record.HealthCheckId == nil {
			return record, nil
		}
		check, err := p.dns().GetHealthCheck(ctx, &route53.GetHealthCheckInput{HealthCheckId: record.HealthCheckId})
		if err != nil || !aws.ToBool(check.HealthCheck.HealthCheckConfig.Inverted) {
			return record, err
		}
	}
	if len(candidates) == 0 {
		return nil, nil
	}
	return candidates[0], nil
}
