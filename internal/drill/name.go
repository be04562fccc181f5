package drill

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/plan"
)

// moveName makes the health check of the target region healthy and the others
// unhealthy, which is what Region switch does with the checks that it makes.
// https://docs.aws.amazon.com/r53recovery/latest/dg/route53-health-check-block.html
//
// The drill's stand-ins are calculated checks of nothing, which are healthy, and
// unhealthy when inverted.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
func (e *Execution) moveName(ctx context.Context, step plan.Step) (string, error) {
	config := step.ExecutionBlockConfiguration.Route53HealthCheckConfig
	region := e.Cloud.In(e.Target)
	if e.Journal.Checks[e.Target] == "" {
		return "", fmt.Errorf("no health check stands for %s", e.Target)
	}
	for name, check := range e.Journal.Checks {
		_, err := region.Route53.UpdateHealthCheck(ctx, &route53.UpdateHealthCheckInput{
			HealthCheckId: &check, Inverted: aws.Bool(name != e.Target),
		})
		if err != nil {
			return "", err
		}
	}
	wanted := e.targetOf(config.RecordName, e.Target)
	seen, err := e.until(ctx, step.Timeout(), func() (bool, string, error) {
		answer, err := resolve(ctx, region, e.Journal.Zone, config.RecordName)
		return answer == wanted, config.RecordName + " leads to " + answer, err
	})
	return seen, err
}

// targetOf is where the name must lead when a region serves.
func (e *Execution) targetOf(name, region string) string {
	for _, record := range e.Blueprint.Records {
		if record.Name == strings.TrimSuffix(name, ".") && record.Region == region {
			for _, regional := range e.Blueprint.RegionalRecords {
				if regional.Name == record.Target {
					return regional.Target
				}
			}
			return record.Target
		}
	}
	return ""
}

// resolve answers as Route 53 would: of a failover pair the primary while it is
// healthy, else the secondary, and the primary again where neither is; an alias to
// a record of the zone is answered with that record's value.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
func resolve(ctx context.Context, region cloud.Clients, zone, name string) (string, error) {
	out, err := region.Route53.ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: &zone})
	if err != nil {
		return "", err
	}
	const longest = 5 // aliases of aliases
	for range longest {
		record, err := choose(ctx, region, out.ResourceRecordSets, name)
		if err != nil {
			return "", err
		}
		if record == nil {
			return name, nil // it leads out of the zone
		}
		if record.AliasTarget == nil {
			if len(record.ResourceRecords) == 0 {
				return "", fmt.Errorf("record %s has no value", name)
			}
			return aws.ToString(record.ResourceRecords[0].Value), nil
		}
		name = strings.TrimSuffix(aws.ToString(record.AliasTarget.DNSName), ".")
	}
	return "", fmt.Errorf("the aliases of %s never end", name)
}

func choose(ctx context.Context, region cloud.Clients, records []r53types.ResourceRecordSet, name string) (*r53types.ResourceRecordSet, error) {
	var first, second *r53types.ResourceRecordSet
	for i := range records {
		record := &records[i]
		if strings.TrimSuffix(aws.ToString(record.Name), ".") != strings.TrimSuffix(name, ".") || record.Type != r53types.RRTypeA {
			continue
		}
		if record.Failover == r53types.ResourceRecordSetFailoverSecondary {
			second = record
		} else {
			first = record
		}
	}
	if first == nil || second == nil {
		if first == nil {
			return second, nil
		}
		return first, nil
	}
	for _, record := range []*r53types.ResourceRecordSet{first, second} {
		well, err := healthy(ctx, region, record)
		if err != nil || well {
			return record, err
		}
	}
	return first, nil
}

func healthy(ctx context.Context, region cloud.Clients, record *r53types.ResourceRecordSet) (bool, error) {
	if record.HealthCheckId == nil {
		return true, nil // a record without a check is always healthy
	}
	out, err := region.Route53.GetHealthCheck(ctx, &route53.GetHealthCheckInput{HealthCheckId: record.HealthCheckId})
	if err != nil {
		return false, err
	}
	return !aws.ToBool(out.HealthCheck.HealthCheckConfig.Inverted), nil
}
