package test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// outside says for each resource type that may stand in the second region what it
// holds there. A type that is missing is a way out of Brazil that nobody has
// thought of. Empty is no data of customers or of the wallet: shapes, rights and
// code of the platform.
var outside = map[string]string{
	"AWS::Backup::BackupVault":                  "snapshots of the whole database",
	"AWS::RDS::DBCluster":                       "the whole database, replicated continuously",
	"AWS::MSK::Cluster":                         "events of wallets: what the replicator copies, and what a failover publishes",
	"AWS::MSK::Topic":                           "as the cluster",
	"AWS::ElastiCache::ReplicationGroup":        "nothing until a failover, then balances and sessions",
	"AWS::S3::Bucket":                           "exported backups of the database, public static content, access logs with addresses",
	"AWS::Logs::LogGroup":                       "logs of what runs there, the database's audit log, flow logs, matched requests of the web ACLs with addresses",
	"AWS::SecretsManager::Secret":               "passwords of the cache and of Kafka there, which open nothing in Brazil",
	"AWS::ECR::Repository":                      "container images, which are code",
	"AWS::CloudFront::Distribution":             "public static content; addresses of its readers pass through",
	"AWS::Grafana::Workspace":                   "nothing stored: shows metrics and, while the switch allows it, traces of Brazil",
	"AWS::APS::Workspace":                       "what the tasks there measure: counts, durations and sums of money, no person",
	"AWS::XRay::TransactionSearchConfig":        "traces of the tasks there, whose URLs name wallets, once they serve",
	"AWS::SNS::Topic":                           "alarm texts, delivered and not kept",
	"AWS::SNS::Subscription":                    "e-mail addresses of the people on call",
	"AWS::CloudWatch::Alarm":                    "numbers about the platform, no person",
	"AWS::CloudWatch::Dashboard":                "numbers about the platform, no person",
	"AWS::ECS::Service":                         "nothing until a failover, then requests of customers in memory",
	"AWS::WAFv2::IPSet":                         "addresses of partners, which are companies",
	"AWS::WAFv2::WebACL":                        "samples of matched requests, with addresses and without credentials",
	"AWS::ARCRegionSwitch::Plan":                "names of resources; its reports go to the log bucket",
	"AWS::RDS::DBInstance":                      "as the database; insights with statements under its own key",
	"AWS::Logs::Delivery":                       "access log of static content, without addresses, cookies and queries",
	"AWS::EC2::FlowLog":                         "addresses and volumes of connections, to a log group",
	"AWS::WAFv2::LoggingConfiguration":          "as the web ACL, to a log group",
	"AWS::Backup::RestoreTestingPlan":           "a copy of the database for the hours of a test",
	"AWS::Backup::RestoreTestingSelection":      "as the plan",
	"AWS::ElasticLoadBalancingV2::LoadBalancer": "addresses of customers in its access log, once it serves",
	"AWS::Route53::HealthCheck":                 "",
	"AWS::SQS::Queue":                           "that a password was rotated, never the password",
}

// shapes are prefixes of types that hold no data at all.
var shapes = []string{
	"AWS::ApplicationAutoScaling::", "AWS::CertificateManager::", "AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::ResponseHeadersPolicy",
	"AWS::EC2::", "AWS::ECS::Cluster", "AWS::ECS::TaskDefinition", "AWS::ElastiCache::", "AWS::ElasticLoadBalancingV2::", "AWS::Events::Rule",
	"AWS::IAM::", "AWS::KMS::", "AWS::Lambda::", "AWS::Logs::", "AWS::MSK::", "AWS::RDS::", "AWS::Route53::", "AWS::S3::BucketPolicy",
	"AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicInlinePolicy", "AWS::APS::RuleGroupsNamespace", "AWS::WAFv2::WebACLAssociation", "AWS::SecretsManager::ResourcePolicy",
	"Custom::KafkaAccess", "Custom::VpcRestrictDefaultSG", "AWS::CDK::Metadata", "AWS::SSM::Parameter",
}

// whatIsOutside is what resources of a type hold in the second region.
func whatIsOutside(resourceType string) (holds string, known bool) {
	if holds, known = outside[resourceType]; known {
		return holds, true
	}
	return "", slices.ContainsFunc(shapes, func(prefix string) bool { return strings.HasPrefix(resourceType, prefix) })
}

func TestEverythingThatStandsOutsideBrazilIsThoughtOf(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			if stack.region != env.Secondary.Name {
				continue
			}
			for id, r := range stack.Resources {
				_, known := whatIsOutside(r.Type)
				assert.Truef(t, known, "%s %s: say in outside (test/residency_test.go) what %s holds outside Brazil", stack.name, id, r.Type)
			}
		}
	})
}

// crossing is one way by which data leaves by itself.
type crossing struct{ what, how string }

// crossings finds the copies that the primary region's templates, or the second
// region's, ask AWS for.
func crossings(env environment) map[crossing]int {
	found := map[crossing]int{}
	for _, stack := range env.sorted() {
		for _, r := range stack.Resources {
			switch {
			case r.Type == "AWS::S3::Bucket" && r.Properties["ReplicationConfiguration"] != nil:
				found[crossing{"objects of a bucket", "S3 replication"}]++
			case r.Type == "AWS::SecretsManager::Secret" && r.Properties["ReplicaRegions"] != nil:
				found[crossing{"a password of the database", "Secrets Manager replica"}]++
			case r.Type == "AWS::Backup::BackupPlan" && strings.Contains(fmt.Sprint(r.Properties), "DestinationBackupVaultArn"):
				found[crossing{"daily snapshots of the database", "AWS Backup copy"}]++
			case r.Type == "AWS::ECR::ReplicationConfiguration":
				found[crossing{"container images", "ECR replication"}]++
			case r.Type == "AWS::RDS::GlobalCluster":
				found[crossing{"the database, continuously", "Aurora Global Database"}]++
			case r.Type == "AWS::IAM::ManagedPolicy" && stack.region == env.Primary.Name && strings.Contains(fmt.Sprint(r.Properties["PolicyDocument"]), "arn:aws:events:"+env.Secondary.Name+":"):
				found[crossing{"the news that a password was rotated", "EventBridge"}]++
			case r.Type == "AWS::MSK::Replicator":
				found[crossing{"events", "MSK Replicator"}]++
			}
		}
	}
	return found
}

// leading are the places in which a template of the first region may name the second
// one. Each is a crossing of the report, or a right that such a crossing needs.
var leading = map[string]*regexp.Regexp{
	"AWS::Backup::BackupPlan":            regexp.MustCompile(`CopyActions\.\d+\.DestinationBackupVaultArn$`),
	"AWS::ECR::ReplicationConfiguration": regexp.MustCompile(`^ReplicationConfiguration\.Rules\.`),
	"AWS::IAM::ManagedPolicy":            regexp.MustCompile(`^PolicyDocument\.Statement\.`),
	"AWS::Lambda::Function":              regexp.MustCompile(`^Environment\.Variables\.(OTHER_REGION|REGIONS)$`), // asks which release waits there; where the news of a rotation goes
	"AWS::S3::Bucket":                    regexp.MustCompile(`^ReplicationConfiguration\.Rules\.`),
	"AWS::S3::BucketPolicy":              regexp.MustCompile(`Condition\.StringEquals\.AWS:SourceArn\.`), // the distribution, which reads
	"AWS::SecretsManager::Secret":        regexp.MustCompile(`^ReplicaRegions\.`),
}

// The table counts the ways that somebody thought of. Whatever else is sent to the
// other region must name it.
func TestNothingIsSentOutOfBrazilByAWayThatTheReportDoesNotKnow(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			if stack.region != env.Primary.Name {
				continue
			}
			for id, r := range stack.Resources {
				assert.NotEqualf(t, true, r.Properties["MultiRegion"], "%s %s can be replicated anywhere", stack.name, id)
				walk(r.Properties, nil, func(path []string, value any) {
					text, literal := value.(string)
					if !literal || !strings.Contains(text, env.Secondary.Name) {
						return
					}
					allowed, where := leading[r.Type], strings.Join(path, ".")
					assert.Truef(t, allowed != nil && allowed.MatchString(where), "%s %s (%s): %s sends to %q; a crossing belongs into crossings", stack.name, id, r.Type, where, text)
				})
			}
		}
	})
}

func TestTheReportOfWhatLeavesBrazilIsTheTemplates(t *testing.T) {
	documented(t, "testdata/residency.md", "residency", residencyTable(t))
}

// residencyTable reports what the environments have outside Brazil and what they send
// there, with how many of it each has.
func residencyTable(t *testing.T) string {
	t.Helper()
	names := slices.Sorted(maps.Keys(platform(t)))
	counts := map[string]map[string]int{} // by the row's end and the environment
	add := func(row, name string, count int) {
		if counts[row] == nil {
			counts[row] = map[string]int{}
		}
		counts[row][name] += count
	}
	for _, name := range names {
		env := platform(t)[name]
		for way, count := range crossings(env) {
			add("leaves by itself: "+way.what+" | "+way.how, name, count)
		}
		for _, stack := range env.sorted() {
			if stack.region != env.Secondary.Name {
				continue
			}
			for _, r := range stack.Resources {
				if holds, _ := whatIsOutside(r.Type); holds != "" {
					add(r.Type+" | "+holds, name, 1)
				}
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| what, in us-east-1 | what it holds, or how it leaves | %s |\n| --- | --- |%s\n", strings.Join(names, " | "), strings.Repeat(" ---: |", len(names)))
	for _, row := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "| %s |", row)
		for _, name := range names {
			fmt.Fprintf(&b, " %d |", counts[row][name])
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String())
}

// The switch is about everything that copies, stores, logs, measures or shows.
func TestNothingOfTheStandbyIsLeftWhenNothingMayLeaveBrazil(t *testing.T) {
	t.Parallel()
	env := altered(t, withoutCopies())
	for name := range env.stacks {
		assert.Falsef(t, strings.HasPrefix(name, "dr"), "%s", name)
	}
	assert.Empty(t, crossings(env))
	allowed := []string{ // what AWS has in us-east-1 alone, for content that is public anyway
		"AWS::CloudFront::Distribution", "AWS::Grafana::Workspace", "AWS::Logs::LogGroup", "AWS::Logs::Delivery",
		"AWS::WAFv2::WebACL", "AWS::WAFv2::LoggingConfiguration",
	}
	for id, r := range env.stack(t, "global").Resources {
		if holds, _ := whatIsOutside(r.Type); holds != "" {
			assert.Containsf(t, allowed, r.Type, "global %s holds %s", id, holds)
		}
	}
	for _, stack := range env.sorted() {
		for id, r := range stack.Resources {
			assert.NotEqualf(t, "AWS::MSK::ClusterPolicy", r.Type, "%s %s lets a replicator in", stack.name, id)
			assert.NotContainsf(t, fmt.Sprint(at(r.Properties, "BrokerNodeGroupInfo")), "VpcConnectivity", "%s %s", stack.name, id)
		}
	}
}

func TestTheBackupModeSendsBackupsAndNothingElse(t *testing.T) {
	eachThat(t, inBackupMode, func(t *testing.T, env environment) {
		assert.Equal(t, map[crossing]int{
			{"objects of a bucket", "S3 replication"}:              2,
			{"daily snapshots of the database", "AWS Backup copy"}: 1,
		}, crossings(env))
		for _, kind := range []string{"AWS::SecretsManager::Secret", "AWS::ECR::Repository", "AWS::MSK::Cluster", "AWS::CloudWatch::Dashboard", "AWS::SNS::Topic"} {
			for _, found := range env.everywhere(kind) {
				assert.Equalf(t, env.Primary.Name, found.stack.region, "%s %s", found.stack.name, found.id)
			}
		}
	})
}
