package emulator

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
)

// found is a live resource with what its service says about it.
type found struct {
	stack, region, logicalID, resourceType, id string
	facts                                      facts
	retained                                   bool // by the template, when its stack goes
}

// size is a number of the configuration and where it must be found again.
type size struct {
	subject, region, resourceType, fact string
	want                                []string // of all resources of the type there, in any order
	of                                  facts    // which resources; empty means all
	// among says that other resources of the type may have other values.
	among bool
}

// sizes are the numbers and names of an environment that a live resource shows.
func sizes(env config.Environment) []size {
	primary, secondary := env.Primary.Name, env.Secondary.Name
	cluster := facts{"name": env.Names().DatabaseClusterName(env.Primary)}
	members := facts{"cluster": env.Names().DatabaseClusterName(env.Primary)}
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
			of:   facts{"name": env.Names().DatabaseLogGroup(env.Primary, "error")},
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

// check compares a size with the live resources. What MiniStack lacks the type of is
// not there to be compared.
func (s size) check(t *testing.T, live []found, lacking map[string]bool) {
	t.Helper()
	if lacking[s.resourceType] {
		return
	}
	var got []string
	for _, resource := range live {
		if resource.resourceType == s.resourceType && resource.region == s.region && matches(resource.facts, s.of) {
			got = append(got, resource.facts[s.fact])
		}
	}
	if s.among {
		assert.Subset(t, got, s.want, s.subject)
	} else {
		assert.ElementsMatch(t, s.want, got, s.subject)
	}
}

func matches(facts, wanted facts) bool {
	for key, value := range wanted {
		if facts[key] != value {
			return false
		}
	}
	return true
}

// larger is the environment with the database's class one step up and twice the memory
// for a task. It fails when no larger class passes the environment's own validation.
func larger(t *testing.T, env config.Environment) config.Environment {
	t.Helper()
	family, class, _ := strings.Cut(env.Database.InstanceType, ".")
	steps := []string{"medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"}
	var last error
	for _, step := range steps[slices.Index(steps, class)+1:] {
		made := env
		made.Database.InstanceType = family + "." + step
		made.Service.MemoryMiB = 2 * env.Service.MemoryMiB
		if last = made.Validate(); last == nil {
			return made
		}
	}
	t.Fatalf("no larger size than %s passes the validation: %v", env.Database.InstanceType, last)
	return env
}

// resized copies an assembly with the larger sizes in an environment's templates: an
// environment that config does not have needs no synthesis.
func resized(t *testing.T, source, target string, stacks []cfn.Stack, env, larger config.Environment) {
	t.Helper()
	memory := regexp.MustCompile(fmt.Sprintf(`(?i)("memory":\s*)"%d"`, env.Service.MemoryMiB))
	class := regexp.MustCompile(`(?i)(class":\s*"db\.)` + regexp.QuoteMeta(env.Database.InstanceType) + `"`)
	require.NoError(t, os.CopyFS(target, os.DirFS(source)))
	changed := 0
	for _, stack := range stacks {
		content := memory.ReplaceAll(stack.Raw, fmt.Appendf(nil, `${1}"%d"`, larger.Service.MemoryMiB))
		content = class.ReplaceAll(content, []byte(`${1}`+larger.Database.InstanceType+`"`))
		if bytes.Equal(content, stack.Raw) {
			continue
		}
		changed++
		place, err := filepath.Rel(source, stack.Path)
		require.NoError(t, err)
		path := filepath.Join(target, place)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		index := slices.IndexFunc(stack.Assets, func(asset cfn.Asset) bool { return asset.Path == stack.Path })
		require.GreaterOrEqual(t, index, 0)
		// The CLI does not upload an object again: another template has another key.
		for _, file := range []string{strings.TrimSuffix(path, ".template.json") + ".assets.json", filepath.Join(filepath.Dir(path), "manifest.json")} {
			list, err := os.ReadFile(file)
			require.NoError(t, err)
			key := fmt.Sprintf("%x.json", sha256.Sum256(content))
			require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(list, []byte(stack.Assets[index].Key), []byte(key)), 0o600))
		}
	}
	require.Positive(t, changed, "templates with another size")
}
