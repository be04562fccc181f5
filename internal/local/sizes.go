package local

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/config"
)

// Check is a question that was put to an API of the emulator.
type Check struct {
	Step    string `json:"step"`
	Subject string `json:"subject"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	// Result is "passed", "failed" or "not exercised".
	Result string `json:"result"`
}

// The results of a check.
const (
	passed       = "passed"
	failed       = "failed"
	notExercised = "not exercised"
)

// found is a live resource with what its service says about it.
type found struct {
	Stack, Region, LogicalID, Type, ID string
	Facts                              Facts
	Retained                           bool // by the template, when its stack goes
}

// size is a number of the configuration and where it must be found again.
type size struct {
	subject, region, resourceType, fact string
	want                                []string // of all resources of the type there, in any order
	of                                  Facts    // which resources; empty means all
	// among says that other resources of the type may have other values.
	among bool
}

// sizes are the numbers and names of an environment that a live resource shows.
func sizes(env config.Environment) []size {
	primary, secondary := env.Primary.Name, env.Secondary.Name
	cluster := Facts{"name": env.Names().DatabaseClusterName(env.Primary)}
	members := Facts{"cluster": env.Names().DatabaseClusterName(env.Primary)}
	all := networkSizes(env.Network, primary)
	if env.DR.Mode == config.DRStandby {
		all = append(all, networkSizes(env.DR.Network, secondary)...)
		all = append(all, size{subject: "database in the second region", region: secondary,
			resourceType: "AWS::RDS::DBInstance", fact: "class", want: repeat("db."+env.Database.InstanceType, env.DR.Readers)})
	}
	return append(all,
		size{subject: "database version", region: primary, resourceType: "AWS::RDS::DBCluster", of: cluster,
			fact: "version", want: []string{"8.0.mysql_aurora." + env.Database.EngineVersion}},
		size{subject: "days of database backup", region: primary, resourceType: "AWS::RDS::DBCluster", of: cluster,
			fact: "days", want: []string{strconv.Itoa(env.Database.BackupRetentionDays)}},
		size{subject: "database deletion protection", region: primary, resourceType: "AWS::RDS::DBCluster", of: cluster,
			fact: "protected", want: []string{strconv.FormatBool(env.Protected)}},
		size{subject: "database writer and readers", region: primary, resourceType: "AWS::RDS::DBInstance", of: members,
			fact: "class", want: repeat("db."+env.Database.InstanceType, 1+env.Database.Readers)},
		size{subject: "cache node type", region: primary, resourceType: "AWS::ElastiCache::ReplicationGroup",
			fact: "type", want: []string{env.Cache.NodeType}},
		size{subject: "cache nodes", region: primary, resourceType: "AWS::ElastiCache::ReplicationGroup",
			fact: "nodes", want: []string{strconv.Itoa(env.Cache.Nodes())}},
		size{subject: "brokers", region: primary, resourceType: "AWS::MSK::Cluster",
			fact: "brokers", want: []string{strconv.Itoa(env.Messaging.Brokers)}},
		size{subject: "broker type", region: primary, resourceType: "AWS::MSK::Cluster",
			fact: "type", want: []string{env.Messaging.BrokerType}},
		size{subject: "task CPU", region: primary, resourceType: "AWS::ECS::TaskDefinition", among: true,
			fact: "cpu", want: []string{strconv.Itoa(env.Service.CPU)}},
		size{subject: "task memory", region: primary, resourceType: "AWS::ECS::TaskDefinition", among: true,
			fact: "memory", want: []string{strconv.Itoa(env.Service.MemoryMiB)}},
		size{subject: "repositories", region: primary, resourceType: "AWS::ECR::Repository", among: true,
			fact: "name", want: []string{env.Names().ServiceRepository(), env.Names().MigrationsRepository()}},
		size{subject: "secrets", region: primary, resourceType: "AWS::SecretsManager::Secret", among: true, fact: "name",
			want: []string{env.Names().DatabaseAdminSecret(), env.Names().DatabaseAppSecret(), env.Names().KafkaSecret(), env.Names().CacheSecret()}},
		size{subject: "days of the database's error log", region: primary, resourceType: "AWS::Logs::LogGroup",
			of:   Facts{"name": env.Names().DatabaseLogGroup(env.Primary, "error")},
			fact: "days", want: []string{strconv.Itoa(env.Database.LogRetentionDays)}},
	)
}

func networkSizes(network config.Network, region string) []size {
	return []size{
		{subject: "network " + region, region: region, resourceType: "AWS::EC2::VPC", fact: "cidr", want: []string{network.CIDR}},
		{subject: "subnets " + region, region: region, resourceType: "AWS::EC2::Subnet", fact: "cidr",
			want: slices.Concat(network.Public, network.Private, network.Database)},
		{subject: "NAT gateways " + region, region: region, resourceType: "AWS::EC2::NatGateway", fact: "state",
			want: repeat("available", network.NATGateways)},
	}
}

func repeat(value string, times int) []string { return slices.Repeat([]string{value}, times) }

// check compares a size with the live resources.
func (s size) check(step string, live []found, gaps []Gap) Check {
	var got []string
	for _, resource := range live {
		if resource.Type == s.resourceType && resource.Region == s.region && matches(resource.Facts, s.of) {
			got = append(got, resource.Facts[s.fact])
		}
	}
	want := slices.Sorted(slices.Values(s.want))
	slices.Sort(got)
	result := Check{Step: step, Subject: s.subject, Want: strings.Join(want, " "), Got: strings.Join(got, " "), Result: passed}
	missing := slices.ContainsFunc(gaps, func(gap Gap) bool { return gap.Type == s.resourceType })
	switch {
	case len(got) == 0 && missing:
		result.Result, result.Got = notExercised, s.resourceType+" is not in the emulator"
	case s.among && !containsAll(got, want), !s.among && !slices.Equal(got, want):
		result.Result = failed
	}
	return result
}

func matches(facts, wanted Facts) bool {
	for key, value := range wanted {
		if facts[key] != value {
			return false
		}
	}
	return true
}

func containsAll(got, want []string) bool {
	for _, value := range want {
		if !slices.Contains(got, value) {
			return false
		}
	}
	return true
}

// Resize is the change of size that the second deployment makes: the database's
// class, one step up, and twice the memory for a task. It returns what it changed,
// and fails when no larger class passes the environment's own validation.
func Resize(env config.Environment) (config.Environment, []string, error) {
	family, class, _ := strings.Cut(env.Database.InstanceType, ".")
	steps := []string{"medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"}
	var last error
	for _, step := range steps[slices.Index(steps, class)+1:] {
		larger := env
		larger.Database.InstanceType = family + "." + step
		larger.Service.MemoryMiB = 2 * env.Service.MemoryMiB
		if last = larger.Validate(); last == nil {
			return larger, []string{
				"Database.InstanceType " + env.Database.InstanceType + " to " + larger.Database.InstanceType,
				fmt.Sprintf("Service.MemoryMiB %d to %d", env.Service.MemoryMiB, larger.Service.MemoryMiB),
			}, nil
		}
	}
	return env, nil, fmt.Errorf("no larger size than %s passes the validation: %w", env.Database.InstanceType, last)
}

// resized writes the larger sizes into a template.
func resized(env, larger config.Environment) rewrite {
	memory := regexp.MustCompile(fmt.Sprintf(`(?i)("memory":\s*)"%d"`, env.Service.MemoryMiB))
	class := regexp.MustCompile(`(?i)(class":\s*"db\.)` + regexp.QuoteMeta(env.Database.InstanceType) + `"`)
	return func(template []byte) []byte {
		template = memory.ReplaceAll(template, fmt.Appendf(nil, `${1}"%d"`, larger.Service.MemoryMiB))
		return class.ReplaceAll(template, []byte(`${1}`+larger.Database.InstanceType+`"`))
	}
}
