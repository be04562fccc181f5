package changes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write makes a directory with one template for each stack.
func write(t *testing.T, templates map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range templates {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".template.json"), []byte(content), 0o600))
	}
	return dir
}

// load reads templates by the names of their stacks.
func load(t *testing.T, templates map[string]string) Set {
	t.Helper()
	contents := map[string][]byte{}
	for name, template := range templates {
		contents[name] = []byte(template)
	}
	set, err := ReadSet(contents)
	require.NoError(t, err)
	return set
}

// compare judges the way between two sets of templates.
func compare(t *testing.T, before, after map[string]string) Report {
	t.Helper()
	base, head := load(t, before), load(t, after)
	types, err := LoadSchemas(filepath.Join(t.TempDir(), "no database"), base, head)
	require.NoError(t, err)
	return Compare(base, head, types)
}

// resources makes a template of some resources. One more stands beside them, so
// that a template in which the last one is removed is a template still.
func resources(body string) string {
	if body != "" {
		body += ","
	}
	return `{"Resources": {` + body + `"Beside": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": "{}"}}}}`
}

// one makes a resource of a type with some properties, as JSON without braces.
func one(id, kind, properties string, attributes ...string) string {
	more := ""
	for _, attribute := range attributes {
		more += ", " + attribute
	}
	return fmt.Sprintf(`%q: {"Type": %q, "Properties": {%s}%s}`, id, kind, properties, more)
}

// verdictsOf lists a report's findings as "resource verdict", with "maybe" for a
// doubtful one, without what is safe.
func verdictsOf(report Report) []string {
	found := []string{}
	for _, finding := range report.Findings {
		if finding.Verdict == Safe {
			continue
		}
		line := strings.TrimSpace(finding.Resource + " " + finding.Verdict.String())
		if finding.Maybe {
			line += " maybe"
		}
		found = append(found, line)
	}
	return found
}

// texts joins what a report says, for a look at single words.
func texts(report Report) string {
	var all strings.Builder
	for _, finding := range report.Findings {
		for _, detail := range finding.Details {
			fmt.Fprintln(&all, finding.Resource, finding.Verdict, detail.Text)
		}
	}
	return all.String()
}

// pair is a change of one stack and the verdicts that it must get. Nothing in want
// means that the change is safe.
type pair struct {
	before, after string
	want          []string
	says          string // somewhere in the details
}

func (p pair) check(t *testing.T) {
	t.Helper()
	report := compare(t, map[string]string{"stack": resources(p.before)}, map[string]string{"stack": resources(p.after)})
	want := p.want
	if want == nil {
		want = []string{}
	}
	assert.ElementsMatch(t, want, verdictsOf(report), texts(report))
	assert.Contains(t, texts(report), p.says)
	assert.Equal(t, len(want) == 0, report.Passes())
	// The same the other way round in form: what is equal stays silent.
	unchanged := compare(t, map[string]string{"stack": resources(p.after)}, map[string]string{"stack": resources(p.after)})
	assert.Empty(t, unchanged.Findings, "nothing changes")
}

const (
	retained    = `"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"`
	snapshotted = `"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"`
	deleted     = `"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"`
)

// statefulPairs has for every type that the lock watches a change that must not
// pass: of what cannot change in place, or its removal.
var statefulPairs = map[string]pair{
	"AWS::APS::Workspace": {
		one("A", "AWS::APS::Workspace", `"KmsKeyArn": "a"`, retained), one("A", "AWS::APS::Workspace", `"KmsKeyArn": "b"`, retained),
		[]string{"A destroys"}, "nothing manages",
	},
	"AWS::ARCRegionSwitch::Plan": {
		one("A", "AWS::ARCRegionSwitch::Plan", `"Name": "a"`), one("A", "AWS::ARCRegionSwitch::Plan", `"Name": "b"`),
		[]string{"A replaces"}, "Name changes from a to b",
	},
	"AWS::Backup::BackupVault": {
		one("A", "AWS::Backup::BackupVault", `"BackupVaultName": "a"`, deleted), one("A", "AWS::Backup::BackupVault", `"BackupVaultName": "b"`, deleted),
		[]string{"A destroys"}, "BackupVaultName changes from a to b: the old one is deleted",
	},
	"AWS::CloudFront::Distribution": {
		one("A", "AWS::CloudFront::Distribution", `"DistributionConfig": {"Enabled": true}`), "",
		[]string{"A interrupts"}, "its names answer no more",
	},
	"AWS::EC2::Subnet": {
		one("A", "AWS::EC2::Subnet", `"VpcId": "v", "CidrBlock": "10.0.0.0/24"`), one("A", "AWS::EC2::Subnet", `"VpcId": "v", "CidrBlock": "10.0.0.0/25"`),
		[]string{"A replaces"}, "CidrBlock changes",
	},
	"AWS::EC2::VPC": {
		one("A", "AWS::EC2::VPC", `"CidrBlock": "10.0.0.0/16"`), one("A", "AWS::EC2::VPC", `"CidrBlock": "10.1.0.0/16"`),
		[]string{"A replaces"}, "",
	},
	"AWS::ECR::Repository": {
		one("A", "AWS::ECR::Repository", `"RepositoryName": "a"`, `"DeletionPolicy": "RetainExceptOnCreate"`), "",
		[]string{"A orphans"}, "kept by its DeletionPolicy",
	},
	"AWS::ElastiCache::ReplicationGroup": {
		one("A", "AWS::ElastiCache::ReplicationGroup", `"AtRestEncryptionEnabled": true`, snapshotted), one("A", "AWS::ElastiCache::ReplicationGroup", `"AtRestEncryptionEnabled": false`, snapshotted),
		[]string{"A destroys", "A weakens"}, "last snapshot of the old one",
	},
	"AWS::ElastiCache::SubnetGroup": {
		one("A", "AWS::ElastiCache::SubnetGroup", `"Description": "a"`), "",
		[]string{"A interrupts"}, "",
	},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {
		one("A", "AWS::ElasticLoadBalancingV2::LoadBalancer", `"Scheme": "internal"`), one("A", "AWS::ElasticLoadBalancingV2::LoadBalancer", `"Scheme": "internet-facing"`),
		[]string{"A replaces", "A widens"}, "public addresses",
	},
	"AWS::Grafana::Workspace": {
		one("A", "AWS::Grafana::Workspace", `"AccountAccessType": "CURRENT_ACCOUNT", "AuthenticationProviders": ["AWS_SSO"]`),
		one("A", "AWS::Grafana::Workspace", `"AccountAccessType": "CURRENT_ACCOUNT", "AuthenticationProviders": ["AWS_SSO", "SAML"]`),
		[]string{"A widens"}, "",
	},
	"AWS::KMS::Key": {
		one("A", "AWS::KMS::Key", `"Description": "a"`, deleted), "",
		[]string{"A destroys"}, "deleted with everything",
	},
	"AWS::KMS::ReplicaKey": {
		one("A", "AWS::KMS::ReplicaKey", `"PrimaryKeyArn": "a"`, deleted), "",
		[]string{"A destroys"}, "",
	},
	"AWS::Logs::LogGroup": {
		one("A", "AWS::Logs::LogGroup", `"LogGroupName": "a"`, deleted), one("A", "AWS::Logs::LogGroup", `"LogGroupName": "b"`, deleted),
		[]string{"A destroys"}, "LogGroupName",
	},
	"AWS::MSK::Cluster": {
		one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ClientSubnets": ["a", "b"], "InstanceType": "t"}`, retained),
		one("A", "AWS::MSK::Cluster", `"BrokerNodeGroupInfo": {"ClientSubnets": ["a", "c"], "InstanceType": "t"}`, retained),
		[]string{"A destroys"}, "BrokerNodeGroupInfo.ClientSubnets",
	},
	"AWS::MSK::Configuration": {
		one("A", "AWS::MSK::Configuration", `"Name": "a", "ServerProperties": "x=1"`), one("A", "AWS::MSK::Configuration", `"Name": "b", "ServerProperties": "x=1"`),
		[]string{"A replaces"}, "",
	},
	"AWS::MSK::Topic": {
		one("A", "AWS::MSK::Topic", `"TopicName": "a", "ReplicationFactor": 3`), one("A", "AWS::MSK::Topic", `"TopicName": "a", "ReplicationFactor": 2`),
		[]string{"A destroys", "A refused"}, "ReplicationFactor changes from 3 to 2",
	},
	"AWS::RDS::DBCluster": {
		one("A", "AWS::RDS::DBCluster", `"StorageEncrypted": true`, snapshotted), one("A", "AWS::RDS::DBCluster", `"StorageEncrypted": false`, snapshotted),
		[]string{"A destroys", "A weakens"}, "the data stays in a last snapshot",
	},
	"AWS::RDS::DBInstance": {
		one("A", "AWS::RDS::DBInstance", `"DBClusterIdentifier": "c", "AvailabilityZone": "a"`), one("A", "AWS::RDS::DBInstance", `"DBClusterIdentifier": "c", "AvailabilityZone": "b"`),
		[]string{"A replaces maybe"}, "AvailabilityZone",
	},
	"AWS::RDS::DBSubnetGroup": {
		one("A", "AWS::RDS::DBSubnetGroup", `"DBSubnetGroupName": "a"`), one("A", "AWS::RDS::DBSubnetGroup", `"DBSubnetGroupName": "b"`),
		[]string{"A replaces"}, "",
	},
	"AWS::RDS::GlobalCluster": {
		one("A", "AWS::RDS::GlobalCluster", `"GlobalClusterIdentifier": "a"`, retained), one("A", "AWS::RDS::GlobalCluster", `"GlobalClusterIdentifier": "b"`, retained),
		[]string{"A destroys"}, "",
	},
	"AWS::S3::Bucket": {
		one("A", "AWS::S3::Bucket", `"BucketName": "a"`, retained), one("A", "AWS::S3::Bucket", `"BucketName": "b"`, retained),
		[]string{"A destroys"}, "the service gets an empty one",
	},
	"AWS::SecretsManager::Secret": {
		one("A", "AWS::SecretsManager::Secret", `"Name": "a"`, retained), one("A", "AWS::SecretsManager::Secret", `"Name": "b"`, retained),
		[]string{"A destroys"}, "",
	},
	"AWS::SecretsManager::SecretTargetAttachment": {
		one("A", "AWS::SecretsManager::SecretTargetAttachment", `"SecretId": "a"`), one("A", "AWS::SecretsManager::SecretTargetAttachment", `"SecretId": "b"`),
		[]string{"A replaces"}, "",
	},
}

func TestNoKindOfStateCanBeLostUnnoticed(t *testing.T) {
	for kind, p := range statefulPairs {
		t.Run(kind, p.check)
	}
}

// The lock file names what the platform keeps: whoever adds a kind to it adds the
// change that must not pass.
func TestEveryLockedTypeHasAPair(t *testing.T) {
	content, err := os.ReadFile("../../test/testdata/stateful.lock.json")
	require.NoError(t, err)
	var environments map[string]map[string]map[string]struct {
		Type string `json:"type"`
	}
	require.NoError(t, json.Unmarshal(content, &environments))
	require.NotEmpty(t, environments)
	for _, stacks := range environments {
		for name, locked := range stacks {
			for id, resource := range locked {
				assert.Containsf(t, statefulPairs, resource.Type, "%s %s: add a before/after pair to statefulPairs", name, id)
			}
		}
	}
}

// Whatever holds data is destroyed by its removal, kept by Retain and left in a
// snapshot by Snapshot, whichever type it is.
func TestThePolicyDecidesWhatARemovalLeaves(t *testing.T) {
	for kind := range statefulPairs {
		held := Stateful(kind, map[string]any{"DBClusterIdentifier": "c"})
		t.Run(kind, func(t *testing.T) {
			for attributes, want := range map[string]string{deleted: "destroys", snapshotted: "destroys", retained: "orphans"} {
				report := compare(t, map[string]string{"stack": resources(one("A", kind, `"DBClusterIdentifier": "c"`, attributes))}, map[string]string{"stack": resources("")})
				require.Len(t, report.Findings, 1)
				if want == "destroys" && !held {
					want = Interrupts.String()
				}
				assert.Equal(t, want, report.Findings[0].Verdict.String(), attributes)
			}
		})
	}
}
