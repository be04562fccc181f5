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
	if !slices.ContainsFunc(r.each(typeGlobal), func(one made) bool { return r.name(one) == config.GlobalClusterIdentifier }) {
		r.problem("step %q moves global database %q, which no template makes", step, config.GlobalClusterIdentifier)
		return
	}
	r.Database.ID = config.GlobalClusterIdentifier
	for _, arn := range config.DatabaseClusterArns {
		r.cluster(step, arn)
	}
}

func (r *reader) cluster(step, arn string) {
	if slices.ContainsFunc(r.Database.Clusters, func(c Cluster) bool { return c.ARN == arn }) {
		return
	}
	found, ok := r.find(typeCluster, "DBClusterArn", arn)
	if !ok {
		r.problem("step %q promotes %s, which no template makes", step, arn)
		return
	}
	r.Database.Engine, r.Database.Version = found.text("Engine"), found.text("EngineVersion")
	r.Database.Encrypted = found.text("StorageEncrypted") == "true"
	cluster := Cluster{ID: r.name(found), ARN: arn, Region: found.stack.Region}
	for _, instance := range r.each(typeInstance) {
		if instance.stack.Name == found.stack.Name && instance.text("DBClusterIdentifier") == cluster.ID {
			cluster.Instances = append(cluster.Instances, Instance{ID: r.name(instance), Class: instance.text("DBInstanceClass")})
		}
	}
	if len(cluster.Instances) == 0 {
		r.problem("cluster %s has no instance, and AWS promotes none without", cluster.ID)
	}
	r.Database.Clusters = append(r.Database.Clusters, cluster)
}

func (r *reader) service(step, arn, clusterARN string) {
	if slices.ContainsFunc(r.Services, func(s Service) bool { return s.ARN == arn }) {
		return
	}
	found, ok := r.find(typeService, "ServiceArn", arn)
	if !ok {
		r.problem("step %q scales %s, which no template makes", step, arn)
		return
	}
	cluster := lastPart(found.text("Cluster"))
	service := Service{
		Name: r.attribute(found, "Name"), ARN: arn, Region: found.stack.Region, ClusterName: cluster, ClusterARN: clusterARN,
	}
	if lastPart(clusterARN) != cluster {
		r.problem("step %q seeks service %s in cluster %s, the template makes it in %s", step, service.Name, clusterARN, cluster)
	}
	r.scaling(found.stack, &service)
	if service.Max == 0 {
		r.problem("service %s in %s has no scaling bounds", service.Name, service.Region)
	}
	r.Services = append(r.Services, service)
}

// find is the resource of a type whose ARN, one of its attributes, a plan names.
func (r *reader) find(resourceType, attribute, arn string) (made, bool) {
	all := r.each(resourceType)
	at := slices.IndexFunc(all, func(one made) bool { return r.attribute(one, attribute) == arn })
	if at < 0 {
		return made{}, false
	}
	return all[at], true
}

func (r *reader) scaling(stack cfn.Stack, service *Service) {
	for _, target := range r.each(typeScaling) {
		if target.stack.Name == stack.Name && target.text("ResourceId") == "service/"+service.ClusterName+"/"+service.Name {
			service.Min, service.Max = number(target.Properties["MinCapacity"]), number(target.Properties["MaxCapacity"])
		}
	}
}

// number is a resolved number; zero where it is none.
func number(value any) int { n, _ := strconv.Atoi(text(value)); return n }

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
		r.regional(record)
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
	for _, one := range r.each(typeRecord) {
		all = append(all, one.record(one.Properties))
	}
	for _, group := range r.each(typeGroup) {
		for _, set := range cfn.List(group.Properties["RecordSets"]) {
			all = append(all, group.record(set))
		}
	}
	return all
}

// regional reads the record that an alias leads to, where a template makes it.
func (r *reader) regional(alias Record) {
	for _, record := range r.allRecords() {
		if record.Name == alias.Target && record.Zone == alias.Zone && record.Type == alias.Type && !slices.Contains(r.RegionalRecords, record) {
			r.RegionalRecords = append(r.RegionalRecords, record)
		}
	}
}

// record reads a record set, of a zone that it or its group names.
func (m made) record(set any) Record {
	get := func(path ...any) string { return text(cfn.Lookup(set, path...)) }
	record := Record{
		Zone: m.text("HostedZoneId"), Name: strings.TrimSuffix(get("Name"), "."), Type: get("Type"),
		SetID: get("SetIdentifier"), Failover: get("Failover"), Region: m.stack.Region, TTL: aliasTTL,
		HealthCheck: get("HealthCheckId") != "",
	}
	if cfn.Lookup(set, "AliasTarget") != nil {
		record.Target = strings.TrimSuffix(get("AliasTarget", "DNSName"), ".")
		record.Evaluates = get("AliasTarget", "EvaluateTargetHealth") == "true"
		return record
	}
	if seconds := number(cfn.Lookup(set, "TTL")); seconds > 0 {
		record.TTL = time.Duration(seconds) * time.Second
	}
	record.Target = get("ResourceRecords", 0)
	return record
}

func (r *reader) alarm(watched plan.Alarm) {
	if slices.ContainsFunc(r.Alarms, func(a Alarm) bool { return a.ARN == watched.ResourceIdentifier }) {
		return
	}
	found, ok := r.find(typeAlarm, "Arn", watched.ResourceIdentifier)
	if !ok {
		r.problem("the plan watches alarm %s, which no template makes", watched.ResourceIdentifier)
		return
	}
	r.Alarms = append(r.Alarms, Alarm{
		Name: r.name(found), ARN: watched.ResourceIdentifier, Region: found.stack.Region, Kind: watched.AlarmType,
		Detection: detection(found.Properties),
	})
}

// detection is the period of the alarm's metrics, as often as the alarm wants to
// see it.
func detection(alarm cfn.Object) time.Duration {
	period := number(alarm["Period"])
	for _, metric := range cfn.List(alarm["Metrics"]) {
		period = max(period, number(cfn.Lookup(metric, "Period")), number(cfn.Lookup(metric, "MetricStat", "Period")))
	}
	times := max(number(alarm["DatapointsToAlarm"]), number(alarm["EvaluationPeriods"]), 1)
	return time.Duration(period*times) * time.Second
}
