package test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/changes"
	"wallet-infra/internal/schema"
)

// plain is a template as the JSON that it is.
type plain = map[string]any

// deployed writes templates as CloudFormation returns them and compares them.
func deployed(t *testing.T, templates map[string]plain) changes.Set {
	t.Helper()
	dir := t.TempDir()
	for name, content := range templates {
		encoded, err := json.Marshal(content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), encoded, 0o600))
	}
	set, err := changes.Load(dir)
	require.NoError(t, err)
	return set
}

func judge(t *testing.T, before, after map[string]plain) changes.Report {
	t.Helper()
	base, head := deployed(t, before), deployed(t, after)
	types, err := changes.LoadSchemas(filepath.Join("..", schema.Database), base, head)
	require.NoError(t, err)
	return changes.Compare(base, head, types)
}

// copied reads an environment's templates anew, to be changed.
func copied(t *testing.T, env environment) map[string]plain {
	t.Helper()
	templates := map[string]plain{}
	for _, stack := range env.stacks {
		maps.Copy(templates, alone(t, stack))
	}
	return templates
}

// alone reads one template anew.
func alone(t *testing.T, stack template) map[string]plain {
	t.Helper()
	var content plain
	require.NoError(t, json.Unmarshal(stack.raw, &content))
	return map[string]plain{stack.name: content}
}

// verdicts lists what is said about one resource, but for what is safe.
func verdicts(report changes.Report, id string) []string {
	found := []string{}
	for _, finding := range report.Findings {
		if finding.Resource == id && finding.Verdict != changes.Safe {
			found = append(found, finding.Verdict.String())
		}
	}
	return found
}

func TestWhatDoesNotChangeIsNotReported(t *testing.T) {
	base, err := changes.Load(outdir(t))
	require.NoError(t, err)
	types, err := changes.LoadSchemas("none", base)
	require.NoError(t, err)
	assert.Empty(t, changes.Compare(base, base, types).Findings)
	eachEnvironment(t, func(t *testing.T, env environment) {
		assert.Empty(t, judge(t, copied(t, env), copied(t, env)).Findings)
	})
}

// The classifier has its own list of what holds data, because it must run without
// these tests. It must not disagree with them.
func TestTheClassifierCountsTheSameTypesAsState(t *testing.T) {
	for name, decided := range classification {
		known, inUse := knownTypes(t)[name]
		if !inUse && decided != keeps {
			continue
		}
		assert.Equalf(t, decided == keeps || decided == evidence, changes.Stateful(name, plain{"DBClusterIdentifier": "a cluster"}),
			"%s: mend alsoStateful or disposable in internal/changes/state.go (in CloudFormation's model stateful: %v)", name, known.Stateful)
	}
}

// single makes a template of one resource.
func single(r resource) map[string]plain {
	content := plain{"Type": r.Type, "Properties": r.Properties}
	for key, policy := range map[string]string{"DeletionPolicy": r.DeletionPolicy, "UpdateReplacePolicy": r.UpdateReplacePolicy} {
		if policy != "" {
			content[key] = policy
		}
	}
	return map[string]plain{"stack": {"Resources": plain{"It": content, "Other": plain{"Type": "AWS::SNS::Topic"}}}}
}

// Each property that cannot change in place, of each resource that the lock
// watches, in each environment, and each one's removal.
func TestNoIdentityOfAStatefulResourceChangesUnnoticed(t *testing.T) {
	types := knownTypes(t)
	eachResource(t, func(t *testing.T, _ environment, stack template, id string, r resource) {
		if !isLocked(r) {
			return
		}
		holds := classification[r.Type] != carries
		gone := single(r)
		delete(objectAt(t, gone["stack"], "Resources"), "It")
		found := verdicts(judge(t, single(r), gone), "It")
		switch {
		case slices.Contains(retained, r.DeletionPolicy):
			assert.Equalf(t, []string{"orphans"}, found, "%s %s is removed", stack.name, id)
		case holds:
			assert.Equalf(t, []string{"destroys"}, found, "%s %s is removed", stack.name, id)
		default:
			assert.Equalf(t, []string{"interrupts"}, found, "%s %s is removed", stack.name, id)
		}
		for path := range types[r.Type].Replaces {
			other := r
			var changed bool
			other.Properties, changed = replaceAt(r.Properties, strings.Split(path, ".")).(plain)
			if !changed || pick(r.Properties, strings.Split(path, ".")) == nil {
				continue
			}
			want := "replaces"
			if holds {
				want = "destroys"
			}
			found := verdicts(judge(t, single(r), single(other)), "It")
			// CloudFormation's "maybe" means an interruption for some properties of an
			// instance; the table of interruptions says for which.
			if types[r.Type].Replaces[path] == schema.Maybe && !holds && slices.Contains(found, "interrupts") {
				continue
			}
			assert.Containsf(t, found, want, "%s %s: %s changes", stack.name, id, path)
		}
	})
}

// replaceAt copies a value with another one at a path; in a list, in each item.
func replaceAt(value any, path []string) any {
	if len(path) == 0 {
		return plain{"Fn::ImportValue": "something else"}
	}
	switch v := value.(type) {
	case plain:
		changed := maps.Clone(v)
		if inner, present := v[path[0]]; present {
			changed[path[0]] = replaceAt(inner, path[1:])
		}
		return changed
	case []any:
		var changed []any
		for _, item := range v {
			changed = append(changed, replaceAt(item, path))
		}
		return changed
	default:
		return value
	}
}

// mutation changes one property of the first resource of a type.
type mutation struct {
	kind, property string
	value          any
	want           []string // on the resource; none for a safe one
}

// mutations are one change each of the platform's own templates.
var mutations = map[string]mutation{
	"another class of database":          {"AWS::RDS::DBInstance", "DBInstanceClass", "db.r6g.16xlarge", []string{"interrupts"}},
	"another version of the database":    {"AWS::RDS::DBCluster", "EngineVersion", "8.0.mysql_aurora.3.99.0", []string{"interrupts"}},
	"an unencrypted database":            {"AWS::RDS::DBCluster", "StorageEncrypted", false, []string{"destroys", "refused", "weakens"}},
	"a database that may be deleted":     {"AWS::RDS::DBCluster", "DeletionProtection", false, []string{"weakens"}},
	"fewer backups":                      {"AWS::RDS::DBCluster", "BackupRetentionPeriod", 1, []string{"weakens"}},
	"more backups":                       {"AWS::RDS::DBCluster", "BackupRetentionPeriod", 365, nil},
	"a database in public":               {"AWS::RDS::DBInstance", "PubliclyAccessible", true, []string{"widens"}},
	"another cache node":                 {"AWS::ElastiCache::ReplicationGroup", "CacheNodeType", "cache.r6g.16xlarge", []string{"interrupts"}},
	"a cache without TLS":                {"AWS::ElastiCache::ReplicationGroup", "TransitEncryptionEnabled", false, []string{"interrupts", "weakens"}},
	"another name of a bucket":           {"AWS::S3::Bucket", "BucketName", "another", []string{"destroys"}},
	"a bucket without versions":          {"AWS::S3::Bucket", "VersioningConfiguration", plain{"Status": "Suspended"}, []string{"weakens"}},
	"a bucket that may be public":        {"AWS::S3::Bucket", "PublicAccessBlockConfiguration", plain{}, []string{"widens"}},
	"another version of Kafka":           {"AWS::MSK::Cluster", "KafkaVersion", "4.1.x", []string{"interrupts"}},
	"another name of the Kafka cluster":  {"AWS::MSK::Cluster", "ClusterName", "another", []string{"destroys"}},
	"a topic with other copies":          {"AWS::MSK::Topic", "ReplicationFactor", 1, []string{"destroys", "refused"}},
	"a key that is not rotated":          {"AWS::KMS::Key", "EnableKeyRotation", false, []string{"weakens"}},
	"another password":                   {"AWS::SecretsManager::Secret", "GenerateSecretString", plain{"PasswordLength": 8}, []string{"interrupts"}},
	"another name of a repository":       {"AWS::ECR::Repository", "RepositoryName", "another", []string{"destroys"}},
	"images that can be overwritten":     {"AWS::ECR::Repository", "ImageTagMutability", "MUTABLE", []string{"weakens"}},
	"a shell in the tasks":               {"AWS::ECS::Service", "EnableExecuteCommand", true, []string{"widens"}},
	"more tasks":                         {"AWS::ApplicationAutoScaling::ScalableTarget", "MaxCapacity", 1000, nil},
	"another description":                {"AWS::KMS::Key", "Description", "another", nil},
	"other tags":                         {"AWS::RDS::DBCluster", "Tags", []any{}, nil},
	"a network of another range":         {"AWS::EC2::VPC", "CidrBlock", "10.250.0.0/16", []string{"replaces"}},
	"an alarm that nobody hears":         {"AWS::CloudWatch::Alarm", "AlarmActions", []any{}, []string{"weakens"}},
	"an alarm of another threshold":      {"AWS::CloudWatch::Alarm", "Threshold", 99999, []string{"weakens"}},
	"a rule of the listener goes astray": {"AWS::ElasticLoadBalancingV2::ListenerRule", "Actions", []any{plain{"Type": "forward", "TargetGroupArn": "x"}}, []string{"traffic"}},
	"a record of another target":         {"AWS::Route53::RecordSet", "AliasTarget", plain{"DNSName": "x"}, []string{"traffic"}},
	"a firewall without rules":           {"AWS::WAFv2::WebACL", "Rules", []any{}, []string{"weakens"}},
	"a role that trusts everyone":        {"AWS::IAM::Role", "AssumeRolePolicyDocument", plain{"Version": "2012-10-17", "Statement": []any{plain{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}}, []string{"widens"}},
	"a group that is open":               {"AWS::EC2::SecurityGroup", "SecurityGroupIngress", []any{plain{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}}, []string{"interrupts", "widens"}},
}

func TestEachChangeOfThePlatformGetsItsVerdict(t *testing.T) {
	t.Parallel()
	for name, m := range mutations {
		t.Run(name, func(t *testing.T) {
			tried := false
			for _, env := range platform(t) {
				found := env.everywhere(m.kind)
				if len(found) == 0 {
					continue
				}
				one := found[0]
				for _, candidate := range found {
					if candidate.Properties[m.property] != nil {
						one = candidate // where there is something to lose
						break
					}
				}
				before, changed := alone(t, one.stack), alone(t, one.stack)
				properties := objectAt(t, changed[one.stack.name], "Resources", one.id, "Properties")
				if string(mustJSON(t, properties[m.property])) == string(mustJSON(t, m.value)) {
					continue // this environment has it so already
				}
				tried = true
				properties[m.property] = m.value
				want := m.want
				if want == nil {
					want = []string{}
				}
				report := judge(t, before, changed)
				assert.ElementsMatchf(t, want, verdicts(report, one.id), "%s in %s", one.id, one.stack.name)
			}
			assert.True(t, tried, "no environment has it otherwise: the row shows nothing")
		})
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	content, err := json.Marshal(value)
	require.NoError(t, err)
	return content
}

// The subnets of the brokers and the database are another stack's: no word of
// their own templates changes when the network is made anew.
func TestAReplacedNetworkIsFollowedToWhatStandsInIt(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		changed := copied(t, env)
		network := env.stack(t, "network")
		for id := range network.ofType("AWS::EC2::VPC") {
			objectAt(t, changed[network.name], "Resources", id, "Properties")["CidrBlock"] = "10.250.0.0/16"
		}
		report := judge(t, copied(t, env), changed)
		for _, kind := range []string{"AWS::MSK::Cluster", "AWS::MSK::Topic"} {
			for _, one := range env.everywhere(kind) {
				if one.stack.region == network.region {
					assert.Containsf(t, verdicts(report, one.id), "destroys", "%s %s", one.stack.name, one.id)
				}
			}
		}
	})
}
