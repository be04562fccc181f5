package blueprint

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/drill/plan"
)

// touch reads what the steps act on.
func (r *reader) touch(steps []plan.Step) {
	for _, step := range steps {
		config := step.ExecutionBlockConfiguration
		switch step.ExecutionBlockType {
		case plan.Parallel:
			r.touch(config.ParallelConfig.Steps)
		case plan.Aurora:
			r.database(step.Name, config.GlobalAuroraConfig)
		case plan.ECS:
			for _, service := range config.EcsCapacityIncreaseConfig.Services {
				r.service(step.Name, service.ServiceArn, service.ClusterArn)
			}
		case plan.HealthCheck:
			r.records(step.Name, config.Route53HealthCheckConfig)
		case plan.Child:
			if _, ok := r.Child(config.RegionSwitchPlanConfig.Arn); !ok {
				r.problem("step %q runs plan %s, which no template makes", step.Name, config.RegionSwitchPlanConfig.Arn)
			}
		case plan.Approval, plan.Lambda, plan.Mappings: // they touch nothing that is built here
		}
	}
}

func (r *reader) database(step string, config plan.AuroraConfig) {
	if r.Database.ID != "" && r.Database.ID != config.GlobalClusterIdentifier {
		r.problem("step %q moves global database %s, another one moves %s", step, config.GlobalClusterIdentifier, r.Database.ID)
		return
	}
	found := false
	r.each(typeGlobal, func(stack cfn.Stack, id string, _ cfn.Resource) {
		if r.name(stack, id) == config.GlobalClusterIdentifier {
			found = true
			r.Database.ID = config.GlobalClusterIdentifier
		}
	})
	if !found {
		r.problem("step %q moves global database %q, which no template makes", step, config.GlobalClusterIdentifier)
		return
	}
	for _, arn := range config.DatabaseClusterArns {
		r.cluster(step, arn)
	}
}

func (r *reader) cluster(step, arn string) {
	if slices.ContainsFunc(r.Database.Clusters, func(c Cluster) bool { return c.ARN == arn }) {
		return
	}
	found := false
	r.each(typeCluster, func(stack cfn.Stack, id string, resource cfn.Resource) {
		if r.text(stack, r.attribute(stack, id, "DBClusterArn")) != arn {
			return
		}
		found = true
		r.Database.Engine = r.text(stack, resource.Properties["Engine"])
		r.Database.Version = r.text(stack, resource.Properties["EngineVersion"])
		r.Database.Encrypted, _ = resource.Properties["StorageEncrypted"].(bool)
		cluster := Cluster{ID: r.name(stack, id), ARN: arn, Region: stack.Region}
		r.each(typeInstance, func(of cfn.Stack, instance string, resource cfn.Resource) {
			if of.Name == stack.Name && r.text(of, resource.Properties["DBClusterIdentifier"]) == cluster.ID {
				cluster.Instances = append(cluster.Instances, Instance{
					ID: r.name(of, instance), Class: r.text(of, resource.Properties["DBInstanceClass"]),
				})
			}
		})
		if len(cluster.Instances) == 0 {
			r.problem("cluster %s has no instance, and AWS promotes none without", cluster.ID)
		}
		r.Database.Clusters = append(r.Database.Clusters, cluster)
	})
	if !found {
		r.problem("step %q promotes %s, which no template makes", step, arn)
	}
}

func (r *reader) service(step, arn, clusterARN string) {
	if slices.ContainsFunc(r.Services, func(s Service) bool { return s.ARN == arn }) {
		return
	}
	found := false
	r.each(typeService, func(stack cfn.Stack, id string, resource cfn.Resource) {
		if r.text(stack, r.attribute(stack, id, "ServiceArn")) != arn {
			return
		}
		found = true
		cluster := lastPart(r.text(stack, resource.Properties["Cluster"]))
		service := Service{
			Name: r.name(stack, id), ARN: arn, Region: stack.Region, ClusterName: cluster, ClusterARN: clusterARN,
		}
		if lastPart(clusterARN) != cluster {
			r.problem("step %q seeks service %s in cluster %s, the template makes it in %s", step, service.Name, clusterARN, cluster)
		}
		r.scaling(stack, &service)
		if service.Most == 0 {
			r.problem("service %s in %s has no scaling bounds", service.Name, service.Region)
		}
		r.Services = append(r.Services, service)
	})
	if !found {
		r.problem("step %q scales %s, which no template makes", step, arn)
	}
}

func (r *reader) scaling(stack cfn.Stack, service *Service) {
	for _, target := range stack.Template.OfType(typeScaling) {
		if r.text(stack, target.Properties["ResourceId"]) != "service/"+service.ClusterName+"/"+service.Name {
			continue
		}
		service.Least, _ = strconv.Atoi(r.text(stack, target.Properties["MinCapacity"]))
		service.Most, _ = strconv.Atoi(r.text(stack, target.Properties["MaxCapacity"]))
	}
}

// records reads the records of the name that a step moves. Which region a record
// leads to is said by the step, or by the region of the stack that makes it.
func (r *reader) records(step string, config plan.HealthCheckConfig) {
	regions := map[string]string{}
	for _, set := range config.RecordSets {
		regions[set.RecordSetIdentifier] = set.Region
	}
	name := strings.TrimSuffix(config.RecordName, ".")
	found := map[string]bool{}
	for _, record := range r.allRecords() {
		if record.Name != name || record.Zone != config.HostedZoneID {
			continue
		}
		if region := regions[record.SetID]; region != "" {
			record.Region = region
		}
		if !record.HealthCheck {
			r.problem("record %s %q has no health check: step %q cannot move it", record.Name, record.SetID, step)
		}
		found[record.Region] = true
		if !slices.Contains(r.Records, record) {
			r.Records = append(r.Records, record)
		}
		r.entrance(record)
	}
	for _, region := range []string{r.Primary, r.Secondary} {
		if !found[region] {
			r.problem("step %q moves %s, and no template makes its record for %s", step, name, region)
		}
	}
}

// allRecords are those of record sets and of groups of them.
func (r *reader) allRecords() []Record {
	var all []Record
	r.each(typeRecord, func(stack cfn.Stack, _ string, resource cfn.Resource) {
		all = append(all, r.record(stack, resource.Properties["HostedZoneId"], resource.Properties))
	})
	r.each(typeGroup, func(stack cfn.Stack, _ string, resource cfn.Resource) {
		sets, _ := resource.Properties["RecordSets"].([]any)
		for _, set := range sets {
			if properties, ok := set.(map[string]any); ok {
				all = append(all, r.record(stack, resource.Properties["HostedZoneId"], properties))
			}
		}
	})
	return all
}

// entrance reads the record that an alias leads to, where a template makes it.
func (r *reader) entrance(alias Record) {
	for _, record := range r.allRecords() {
		if record.Name == alias.Target && record.Zone == alias.Zone && record.Type == alias.Type && !slices.Contains(r.Entrances, record) {
			r.Entrances = append(r.Entrances, record)
		}
	}
}

func (r *reader) record(stack cfn.Stack, zone any, properties map[string]any) Record {
	record := Record{
		Zone:     r.text(stack, zone),
		Name:     strings.TrimSuffix(r.text(stack, properties["Name"]), "."),
		Type:     r.text(stack, properties["Type"]),
		SetID:    r.text(stack, properties["SetIdentifier"]),
		Failover: r.text(stack, properties["Failover"]),
		Region:   stack.Region,
		TTL:      aliasTTL,
	}
	record.HealthCheck = properties["HealthCheckId"] != nil
	if alias, ok := properties["AliasTarget"].(map[string]any); ok {
		record.Target = strings.TrimSuffix(r.text(stack, alias["DNSName"]), ".")
		record.Evaluates, _ = alias["EvaluateTargetHealth"].(bool)
		return record
	}
	if seconds, err := strconv.Atoi(r.text(stack, properties["TTL"])); err == nil {
		record.TTL = time.Duration(seconds) * time.Second
	}
	if values, ok := r.value(stack, properties["ResourceRecords"]).([]any); ok && len(values) > 0 {
		record.Target, _ = values[0].(string)
	}
	return record
}

func (r *reader) alarm(watched plan.Alarm) {
	if slices.ContainsFunc(r.Alarms, func(a Alarm) bool { return a.ARN == watched.ResourceIdentifier }) {
		return
	}
	found := false
	r.each(typeAlarm, func(stack cfn.Stack, id string, resource cfn.Resource) {
		if r.text(stack, r.attribute(stack, id, "Arn")) != watched.ResourceIdentifier {
			return
		}
		found = true
		r.Alarms = append(r.Alarms, Alarm{
			Name: r.name(stack, id), ARN: watched.ResourceIdentifier, Region: stack.Region, Kind: watched.AlarmType,
			Detection: r.detection(stack, resource.Properties),
		})
	})
	if !found {
		r.problem("the plan watches alarm %s, which no template makes", watched.ResourceIdentifier)
	}
}

// detection is the period of the alarm's metrics, as often as the alarm wants to
// see it.
func (r *reader) detection(stack cfn.Stack, properties map[string]any) time.Duration {
	number := func(v any) int { n, _ := strconv.Atoi(r.text(stack, v)); return n }
	period := number(properties["Period"])
	metrics, _ := properties["Metrics"].([]any)
	for _, metric := range metrics {
		fields, _ := metric.(map[string]any)
		period = max(period, number(fields["Period"]))
		if stat, ok := fields["MetricStat"].(map[string]any); ok {
			period = max(period, number(stat["Period"]))
		}
	}
	times := max(number(properties["DatapointsToAlarm"]), number(properties["EvaluationPeriods"]), 1)
	return time.Duration(period*times) * time.Second
}
