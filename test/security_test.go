package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/config"
)

// invariant is one demand on every resource of a type.
type invariant struct {
	broken string // what it would mean, for the failure's message
	holds  func(p properties) bool
}

// properties are a resource's, with what an invariant must know around them.
type properties struct {
	values map[string]any
	env    environment
	stack  template
	id     string
}

func (p properties) get(path ...any) any { return at(p.values, path...) }

// list reads a list of objects; nil where there is none.
func (p properties) list(path ...any) []any {
	found, _ := p.get(path...).([]any)
	return found
}

// Small predicates, so that a row of the table is one line.

func is(want any, path ...any) func(properties) bool {
	return func(p properties) bool { return fmt.Sprint(p.get(path...)) == fmt.Sprint(want) }
}

func isNot(unwanted any, path ...any) func(properties) bool {
	return func(p properties) bool { return fmt.Sprint(p.get(path...)) != fmt.Sprint(unwanted) }
}

func given(path ...any) func(properties) bool {
	return func(p properties) bool { return p.get(path...) != nil }
}

// ownKey holds when the property names a customer-managed key: a reference, or an
// alias or ARN that is not one of AWS's own keys.
func ownKey(path ...any) func(properties) bool {
	return func(p properties) bool { return isOwnKey(p.get(path...)) }
}

func isOwnKey(value any) bool {
	return value != nil && value != "" && !strings.Contains(fmt.Sprint(value), "alias/aws/")
}

func all(checks ...func(properties) bool) func(properties) bool {
	return func(p properties) bool {
		return !slices.ContainsFunc(checks, func(check func(properties) bool) bool { return !check(p) })
	}
}

// logRetentions are the days that CloudWatch Logs accepts (PutRetentionPolicy).
var logRetentions = []float64{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}

// invariants hold for every resource of the type in every environment.
var invariants = map[string][]invariant{
	"AWS::RDS::DBCluster": {
		{"wallets are stored in the clear", all(is(true, "StorageEncrypted"), ownKey("KmsKeyId"))},
		{"anybody can delete the database, or nobody can in staging", deletionProtected},
		{"the database has an address on the internet", isNot(true, "PubliclyAccessible")},
	},
	"AWS::RDS::DBInstance": {
		{"the database has an address on the internet", isNot(true, "PubliclyAccessible")},
	},
	"AWS::RDS::GlobalCluster": {
		{"the second region's copy is stored in the clear", func(p properties) bool {
			return p.get("SourceDBClusterIdentifier") != nil || is(true, "StorageEncrypted")(p)
		}},
	},
	"AWS::RDS::DBClusterParameterGroup": {
		{"the database accepts passwords over an unencrypted connection", func(p properties) bool {
			return slices.Contains([]string{"ON", "1"}, fmt.Sprint(p.get("Parameters", "require_secure_transport")))
		}},
	},
	"AWS::ElastiCache::ReplicationGroup": {
		{"sessions are stored in the clear", all(is(true, "AtRestEncryptionEnabled"), ownKey("KmsKeyId"))},
		{"sessions travel in the clear", all(is(true, "TransitEncryptionEnabled"), isNot("preferred", "TransitEncryptionMode"))},
		{"the cache answers whoever reaches it", given("UserGroupIds")},
	},
	"AWS::ElastiCache::User": {
		{"a cache user needs no password", isNot(true, "NoPasswordRequired")},
	},
	"AWS::MSK::Cluster": {
		{"events are stored under a key that is not ours", ownKey("EncryptionInfo", "EncryptionAtRest", "DataVolumeKMSKeyId")},
		{"clients may speak to the brokers in the clear", is("TLS", "EncryptionInfo", "EncryptionInTransit", "ClientBroker")},
		{"brokers speak to each other in the clear", isNot(false, "EncryptionInfo", "EncryptionInTransit", "InCluster")},
		{"clients need not say who they are", isNot(true, "ClientAuthentication", "Unauthenticated", "Enabled")},
		{"the brokers have addresses on the internet", func(p properties) bool {
			public := p.get("BrokerNodeGroupInfo", "ConnectivityInfo", "PublicAccess", "Type")
			return public == nil || public == "DISABLED"
		}},
	},
	"AWS::MSK::Configuration": {
		{"a topic appears by a misspelt name", serverProperty("auto.create.topics.enable=false")},
		{"a topic without an ACL is open to every client", serverProperty("allow.everyone.if.no.acl.found=false")},
	},
	"AWS::S3::Bucket": {
		{"objects are stored in the clear", bucketEncrypted},
		{"objects can be made public", all(
			is(true, "PublicAccessBlockConfiguration", "BlockPublicAcls"), is(true, "PublicAccessBlockConfiguration", "BlockPublicPolicy"),
			is(true, "PublicAccessBlockConfiguration", "IgnorePublicAcls"), is(true, "PublicAccessBlockConfiguration", "RestrictPublicBuckets"))},
		{"objects travel in the clear", refusesPlainHTTP},
		{"an object in the bucket may belong to somebody else", func(p properties) bool {
			// BucketOwnerEnforced is the default since April 2023.
			owner := p.get("OwnershipControls", "Rules", 0, "ObjectOwnership")
			return owner == nil || owner == "BucketOwnerEnforced" || owner == "BucketOwnerPreferred"
		}},
		{"objects stay for ever", given("LifecycleConfiguration", "Rules", 0)},
		{"nobody knows who read the objects", func(p properties) bool {
			return p.get("LoggingConfiguration") != nil || receivesLogs(p)
		}},
	},
	"AWS::SecretsManager::Secret": {
		{"a secret is stored under AWS's shared key", ownKey("KmsKeyId")},
		{"a secret stands in the template", func(p properties) bool { _, literal := p.get("SecretString").(string); return !literal }},
		{"a secret's copy is stored under AWS's shared key", func(p properties) bool {
			for _, replica := range p.list("ReplicaRegions") {
				if !isOwnKey(at(replica, "KmsKeyId")) {
					return false
				}
			}
			return true
		}},
	},
	"AWS::SNS::Topic":         {{"alarms are stored under AWS's shared key, which CloudWatch cannot use", ownKey("KmsMasterKeyId")}},
	"AWS::SQS::Queue":         {{"messages are stored under AWS's shared key", ownKey("KmsMasterKeyId")}},
	"AWS::APS::Workspace":     {{"metrics are stored under AWS's shared key", ownKey("KmsKeyArn")}},
	"AWS::Lambda::Function":   {{"environment variables are stored under AWS's shared key", func(p properties) bool { return p.get("Environment") == nil || ownKey("KmsKeyArn")(p) }}},
	"AWS::Grafana::Workspace": {{"people sign in to Grafana without the organization's directory", given("AuthenticationProviders", 0)}},
	"AWS::Backup::BackupVault": {
		{"backups are stored under AWS's shared key", ownKey("EncryptionKeyArn")},
		{"whoever takes over the account can delete the backups", given("LockConfiguration", "MinRetentionDays")},
	},
	"AWS::ECR::Repository": {
		{"an image tag can be pointed at other code", is("IMMUTABLE", "ImageTagMutability")},
		{"images are not scanned when they arrive", is(true, "ImageScanningConfiguration", "ScanOnPush")},
		{"images stay for ever", given("LifecyclePolicy")},
		{"images are stored under AWS's shared key", all(is("KMS", "EncryptionConfiguration", "EncryptionType"), ownKey("EncryptionConfiguration", "KmsKey"))},
	},
	"AWS::KMS::Key": {
		{"the key never rotates", is(true, "EnableKeyRotation")},
		{"a key that is deleted by mistake is gone before anybody notices", func(p properties) bool {
			days := p.get("PendingWindowInDays")
			return days == nil || days == float64(30) // 30 is the default
		}},
	},
	"AWS::Logs::LogGroup": {
		{"logs are stored under AWS's shared key", ownKey("KmsKeyId")},
		{"logs stay for ever, or AWS refuses the number of days", func(p properties) bool {
			days, _ := p.get("RetentionInDays").(float64)
			return slices.Contains(logRetentions, days)
		}},
	},
	"AWS::EC2::Subnet":               {{"whatever starts there gets a public address", isNot(true, "MapPublicIpOnLaunch")}},
	"AWS::EC2::SecurityGroup":        {{"the internet can reach it", func(p properties) bool { return !slices.ContainsFunc(p.list("SecurityGroupIngress"), p.tooOpen) }}},
	"AWS::EC2::SecurityGroupIngress": {{"the internet can reach it", func(p properties) bool { return !p.tooOpen(any(p.values)) }}},
	"AWS::EC2::VPCEndpoint": {
		{"the endpoint exists and nothing resolves to it", func(p properties) bool {
			return fmt.Sprint(p.get("VpcEndpointType")) != "Interface" || is(true, "PrivateDnsEnabled")(p)
		}},
	},
	"AWS::ECS::Service": {
		{"tasks have addresses on the internet", is("DISABLED", "NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp")},
		{"people can open a shell in production", func(p properties) bool {
			return fmt.Sprint(p.get("EnableExecuteCommand")) != "true" || p.env.Service.Exec
		}},
	},
	"AWS::ECS::TaskDefinition": {
		{"an intruder can write to a container's file system", everyContainer(func(c any) bool { return at(c, "ReadonlyRootFilesystem") == true })},
		{"a container owns its host", everyContainer(func(c any) bool { return at(c, "Privileged") != true })},
		{"a container runs as root", everyContainer(func(c any) bool {
			user := fmt.Sprint(at(c, "User"))
			if at(c, "Name") == "prepare" {
				return true // TestTheOnlyRootContainerIsGoneBeforeTheServiceStarts
			}
			return user != "root" && user != "0" && !strings.HasPrefix(user, "0:")
		})},
		{"a container's output is lost", everyContainer(func(c any) bool { return at(c, "LogConfiguration", "LogDriver") != nil })},
	},
	"AWS::ECS::Cluster": {
		{"nobody sees what the tasks do", func(p properties) bool {
			return strings.Contains(fmt.Sprint(p.get("ClusterSettings")), "enhanced")
		}},
	},
	"AWS::ElasticLoadBalancingV2::Listener": {
		{"the wallet is served in the clear or with outdated ciphers", func(p properties) bool {
			if p.get("Protocol") == "HTTPS" {
				return modernTLS.MatchString(fmt.Sprint(p.get("SslPolicy")))
			}
			return p.get("DefaultActions", 0, "RedirectConfig", "Protocol") == "HTTPS"
		}},
	},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {
		{"one click deletes the load balancer", func(p properties) bool {
			return attribute(p, "deletion_protection.enabled") == fmt.Sprint(p.env.Protected)
		}},
		{"malformed headers reach the service", func(p properties) bool {
			return attribute(p, "routing.http.drop_invalid_header_fields.enabled") == "true"
		}},
		{"nobody knows who called", func(p properties) bool { return attribute(p, "access_logs.s3.enabled") == "true" }},
	},
	"AWS::CloudFront::Distribution": {
		{"static content is served in the clear", everyBehaviour(func(b any) bool {
			policy := at(b, "ViewerProtocolPolicy")
			return policy == "redirect-to-https" || policy == "https-only"
		})},
		{"outdated ciphers are accepted", func(p properties) bool {
			return strings.HasPrefix(fmt.Sprint(p.get("DistributionConfig", "ViewerCertificate", "MinimumProtocolVersion")), "TLSv1.2_2") ||
				strings.HasPrefix(fmt.Sprint(p.get("DistributionConfig", "ViewerCertificate", "MinimumProtocolVersion")), "TLSv1.3")
		}},
		{"no web ACL looks at the requests", given("DistributionConfig", "WebACLId")},
	},
	"AWS::WAFv2::WebACL": {
		{"attacks leave no trace in the metrics", is(true, "VisibilityConfig", "CloudWatchMetricsEnabled")},
	},
}

// modernTLS matches the load balancer policies that offer TLS 1.2 and 1.3 only.
var modernTLS = regexp.MustCompile(`^ELBSecurityPolicy-TLS13-1-[23](-Res)?(-FIPS)?(-PQ)?-\d{4}-\d{2}$`)

func TestEveryResourceIsEncryptedPrivateAndKept(t *testing.T) {
	eachResource(t, func(t *testing.T, env environment, stack template, id string, r resource) {
		for _, demand := range invariants[r.Type] {
			if !demand.holds(properties{values: r.Properties, env: env, stack: stack, id: id}) {
				t.Errorf("%s %s (%s): %s", stack.name, id, r.Type, demand.broken)
			}
		}
	})
}

// Types that hold data must have invariants: an empty row would be a silent gap.
func TestEveryTypeThatKeepsDataHasInvariants(t *testing.T) {
	exempt := map[string]string{
		"AWS::MSK::Topic":      "encrypted by its cluster",
		"AWS::KMS::ReplicaKey": "rotates with its primary",
	}
	for _, name := range slices.Sorted(maps.Keys(typesInUse(t))) {
		if classification[name] == keeps && exempt[name] == "" {
			assert.NotEmptyf(t, invariants[name], "%s keeps data: say in invariants what its encryption and reach must be", name)
		}
	}
}

func TestNoStackOfAProtectedEnvironmentCanBeDeletedByMistake(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			assert.Equalf(t, env.Protected, stack.protected, "%s: termination protection", stack.name)
		}
	})
	assert.True(t, platform(t)["production"].Protected, "production must be protected")
}

func TestEveryStackIsInItsEnvironmentsAccountAndRegions(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			assert.Equal(t, env.Site.Account, stack.account, stack.name)
			want := env.Primary.Name
			if name := stack.name[len(env.Names().StackName("")):]; name == "global" || name == "dr" || strings.HasPrefix(name, "dr-") {
				want = env.Secondary.Name
			}
			assert.Equal(t, want, stack.region, stack.name)
		}
	})
}

func TestEveryTaggableResourceSaysWhoPaysAndWhatItHolds(t *testing.T) {
	known := knownTypes(t)
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			// CloudFormation hands them on to what CDK makes by itself.
			assert.Equalf(t, wantedTags(env), stack.tags, "%s: tags", stack.name)
		}
	})
	eachResource(t, func(t *testing.T, env environment, stack template, id string, r resource) {
		property := known[r.Type].Tags
		if r.Type == "AWS::Grafana::Workspace" || strings.HasPrefix(r.Type, "AWS::ElasticLoadBalancingV2::Listener") {
			return // their tags come from the stack: the regional schemas have no property for them
		}
		if property == "" || tagless[r.Type] || strings.Contains(id, "CustomResourceProvider") {
			return
		}
		tags := tagsOf(r.Properties[property])
		for key, value := range wantedTags(env) {
			if tags[key] != value {
				t.Errorf("%s %s (%s): tag %s is %q, want %q", stack.name, id, r.Type, key, tags[key], value)
			}
		}
	})
}

// tagless are types that CloudFormation can tag and CDK does not: they get the
// stack's tags.
var tagless = map[string]bool{
	"AWS::ApplicationAutoScaling::ScalableTarget": true,
	"AWS::ElasticLoadBalancingV2::Listener":       true,
	"AWS::ElasticLoadBalancingV2::ListenerRule":   true,
}

func wantedTags(env environment) map[string]string {
	return map[string]string{
		"Environment": env.Name, "Service": "wallet", "Owner": env.Tags.Owner,
		"CostCentre": env.Tags.CostCentre, "DataClass": env.Tags.DataClass,
	}
}

// tagsOf reads tags in either of CloudFormation's forms.
func tagsOf(value any) map[string]string {
	tags := map[string]string{}
	switch form := value.(type) {
	case map[string]any:
		for key, text := range form {
			tags[key] = fmt.Sprint(text)
		}
	case []any:
		for _, entry := range form {
			key := at(entry, "Key")
			if key == nil {
				key = at(entry, "TagKey")
			}
			text := at(entry, "Value")
			if text == nil {
				text = at(entry, "TagValue")
			}
			tags[fmt.Sprint(key)] = fmt.Sprint(text)
		}
	}
	return tags
}

// secretName matches the properties and environment variables that would hold a
// secret; policyName those of them that only describe one.
var (
	secretName = regexp.MustCompile(`(?i)(password|passwd|secret|secretstring|authtoken|apikey|jaas_?config|privatekey)s?$`)
	notSecret  = regexp.MustCompile(`(?i)(generatesecretstring|clientsecret.*url|noPasswordRequired)$`)
)

func TestNoSecretStandsInATemplate(t *testing.T) {
	eachResource(t, func(t *testing.T, env environment, stack template, id string, r resource) {
		walk(r.Properties, nil, func(path []string, value any) {
			text, literal := value.(string)
			name := path[len(path)-1]
			if !literal || !secretName.MatchString(name) || notSecret.MatchString(name) {
				return
			}
			if text != "" && !namesSecret(env, text) {
				t.Errorf("%s %s: %s is written into the template", stack.name, id, strings.Join(path, "."))
			}
		})
		// A container's variable is a pair of name and value.
		walk(r.Properties, nil, func(path []string, value any) {
			name, _ := at(value, "Name").(string)
			if text, literal := at(value, "Value").(string); literal && text != "" && secretName.MatchString(name) {
				t.Errorf("%s %s: variable %s is written into the template: %q", stack.name, id, name, text)
			}
		})
	})
}

// dynamicSecret is a reference that CloudFormation resolves, and nothing beside it.
var dynamicSecret = regexp.MustCompile(`^\{\{resolve:secretsmanager:[^{}]+\}\}$`)

// namesSecret says that a text only says which secret is meant. What merely begins
// like a name could be the secret itself.
func namesSecret(env environment, text string) bool {
	if dynamicSecret.MatchString(text) {
		return true
	}
	for _, name := range []string{env.Names().DatabaseAdminSecret(), env.Names().DatabaseAppSecret(), env.Names().DatabaseOutboxSecret(), env.Names().KafkaSecret(), env.Names().CacheSecret()} {
		arn := regexp.MustCompile(`^arn:aws:secretsmanager:[a-z0-9-]+:` + env.Site.Account + `:secret:` + regexp.QuoteMeta(name) + `(-[A-Za-z0-9]{6}|-\?{6})?(:[a-zA-Z]*:[A-Z]*:)?$`)
		if text == name || arn.MatchString(text) {
			return true
		}
	}
	return false
}

func TestAPasswordThatBeginsLikeANameIsNoName(t *testing.T) {
	env := environment{Environment: config.Environment{Name: "production", Site: config.Site{Account: "210987654321"}}}
	const arn = "arn:aws:secretsmanager:sa-east-1:210987654321:secret:wallet-production/database/app"
	for text, named := range map[string]bool{
		"wallet-production/database/app": true, "AmazonMSK_wallet-production_app": true, arn: true, arn + "-a1B2c3": true, arn + ":username::": true,
		"{{resolve:secretsmanager:wallet-production/cache/app:SecretString:password}}": true,
		"wallet-production-hunter2": false, "AmazonMSK_hunter2": false, "arn:hunter2": false, "hunter2": false,
		"{{resolve:secretsmanager:wallet}}hunter2": false, arn + "/hunter2": false,
	} {
		assert.Equal(t, named, namesSecret(env, text), text)
	}
}

// walk visits every value below a map or list, with its path.
func walk(value any, path []string, visit func(path []string, value any)) {
	switch form := value.(type) {
	case map[string]any:
		for key, below := range form {
			inside := append(append([]string{}, path...), key)
			visit(inside, below)
			walk(below, inside, visit)
		}
	case []any:
		for i, below := range form {
			inside := append(append([]string{}, path...), fmt.Sprint(i))
			visit(inside, below)
			walk(below, inside, visit)
		}
	}
}

// tooOpen says that an ingress rule lets in addresses from outside the network.
// The load balancer's ports 80 and 443 are the one exception.
func (p properties) tooOpen(rule any) bool {
	if at(rule, "CidrIpv6") != nil {
		return true // the networks have no IPv6
	}
	source := at(rule, "CidrIp")
	text, literal := source.(string)
	if source == nil || !literal {
		return false // another group, a prefix list, or the VPC's own block
	}
	if within(text, p.env.Network.CIDR) || within(text, p.env.DR.Network.CIDR) {
		return false
	}
	port := at(rule, "FromPort")
	web := (port == float64(80) || port == float64(443)) && at(rule, "ToPort") == port
	return !web || !p.belongsToLoadBalancer(rule)
}

// within says that a block lies inside another.
func within(block, outer string) bool {
	inner, err := netip.ParsePrefix(block)
	if err != nil {
		return false
	}
	around, err := netip.ParsePrefix(outer)
	return err == nil && around.Bits() <= inner.Bits() && around.Contains(inner.Addr())
}

func (p properties) belongsToLoadBalancer(rule any) bool {
	group := p.id
	if other := at(rule, "GroupId", "Fn::GetAtt", 0); other != nil {
		group = fmt.Sprint(other)
	}
	for _, balancer := range p.stack.ofType("AWS::ElasticLoadBalancingV2::LoadBalancer") {
		if mentions(balancer.Properties["SecurityGroups"], group) {
			return true
		}
	}
	return false
}

// mentions says that a value refers to a logical ID of its template.
func mentions(value any, id string) bool {
	content, _ := json.Marshal(value)
	return strings.Contains(string(content), `"`+id+`"`)
}

func deletionProtected(p properties) bool { return is(p.env.Protected, "DeletionProtection")(p) }

// serverProperty holds when an MSK configuration has a line.
func serverProperty(line string) func(properties) bool {
	return func(p properties) bool {
		return slices.Contains(strings.Fields(strings.ReplaceAll(fmt.Sprint(p.get("ServerProperties")), " ", "")), line)
	}
}

// bucketEncrypted wants our key, except where a log delivery service writes:
// the load balancer and S3's server access logs cannot use one.
func bucketEncrypted(p properties) bool {
	rule := p.get("BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault")
	if at(rule, "SSEAlgorithm") == "AES256" {
		return receivesLogs(p) || isPublished(p)
	}
	return at(rule, "SSEAlgorithm") == "aws:kms" && isOwnKey(at(rule, "KMSMasterKeyID"))
}

// receivesLogs says that another bucket or a load balancer writes its access logs
// into this one, by its policy.
func receivesLogs(p properties) bool {
	policy, _ := json.Marshal(bucketPolicy(p))
	for _, writer := range []string{"logging.s3.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com", "delivery.logs.amazonaws.com"} {
		if strings.Contains(string(policy), writer) {
			return true
		}
	}
	return false
}

// isPublished says that CloudFront reads the bucket, whose content is then public.
func isPublished(p properties) bool {
	policy, _ := json.Marshal(bucketPolicy(p))
	return strings.Contains(string(policy), "cloudfront.amazonaws.com")
}

func bucketPolicy(p properties) any {
	for _, policy := range p.stack.ofType("AWS::S3::BucketPolicy") {
		if at(policy.Properties, "Bucket", "Ref") == p.id {
			return policy.Properties["PolicyDocument"]
		}
	}
	return nil
}

func refusesPlainHTTP(p properties) bool {
	statements, _ := at(bucketPolicy(p), "Statement").([]any)
	return slices.ContainsFunc(statements, func(s any) bool {
		return at(s, "Effect") == "Deny" && fmt.Sprint(at(s, "Condition", "Bool", "aws:SecureTransport")) == "false" && at(s, "Action") == "s3:*"
	})
}

func everyContainer(check func(container any) bool) func(properties) bool {
	return func(p properties) bool {
		return !slices.ContainsFunc(p.list("ContainerDefinitions"), func(c any) bool { return !check(c) })
	}
}

func everyBehaviour(check func(behaviour any) bool) func(properties) bool {
	return func(p properties) bool {
		behaviours := append([]any{p.get("DistributionConfig", "DefaultCacheBehavior")}, p.list("DistributionConfig", "CacheBehaviors")...)
		return !slices.ContainsFunc(behaviours, func(b any) bool { return !check(b) })
	}
}

// attribute reads one of a load balancer's attributes.
func attribute(p properties, key string) string {
	for _, entry := range p.list("LoadBalancerAttributes") {
		if at(entry, "Key") == key {
			return fmt.Sprint(at(entry, "Value"))
		}
	}
	return ""
}

// A break-in ends where the stolen data cannot leave: to the whole internet there
// is HTTPS alone, for AWS's own APIs, whose addresses are not fixed.
func TestNoSecurityGroupLetsStolenDataOut(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		groups := 0
		check := func(who string, rule any) {
			if leavesNetwork(env, rule) {
				ports := []any{at(rule, "IpProtocol"), at(rule, "FromPort"), at(rule, "ToPort")}
				assert.Equalf(t, []any{"tcp", 443.0, 443.0}, ports, "%s calls any address", who)
			}
		}
		for _, stack := range env.sorted() {
			for id, group := range stack.ofType("AWS::EC2::SecurityGroup") {
				groups++
				rules, _ := group.Properties["SecurityGroupEgress"].([]any)
				// "If you do not add egress rules, we add egress rules that allow all outbound"
				// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html).
				// Of rules that stand beside the group the page says nothing.
				assert.NotEmptyf(t, rules, "%s %s calls any address on any port", stack.name, id)
				for _, rule := range rules {
					check(stack.name+" "+id, rule)
				}
			}
			for id, rule := range stack.ofType("AWS::EC2::SecurityGroupEgress") {
				check(stack.name+" "+id, rule.Properties)
			}
		}
		assert.NotZero(t, groups)
	})
}

// leavesNetwork says that an egress rule leads to addresses outside the
// environment's networks. 255.255.255.255 is CDK's way to allow nothing; a rule to
// another group, a prefix list or the VPC's own block has no literal address.
func leavesNetwork(env environment, rule any) bool {
	if at(rule, "CidrIpv6") != nil {
		return true
	}
	block, literal := at(rule, "CidrIp").(string)
	return literal && block != "255.255.255.255/32" && !within(block, env.Network.CIDR) && !within(block, env.DR.Network.CIDR)
}

// allowsNothingOut says that a group's own list of outbound rules is there and leads
// nowhere. An empty list is no such list: EC2 then allows everything.
func allowsNothingOut(group resource) bool {
	rules, _ := group.Properties["SecurityGroupEgress"].([]any)
	return len(rules) == 1 && at(rules, 0, "CidrIp") == "255.255.255.255/32"
}

func TestHalfTheInternetIsOutsideTheNetwork(t *testing.T) {
	env := environment{Environment: config.Environment{Network: config.Network{CIDR: "10.0.0.0/16"}}}
	for block, leaves := range map[string]bool{"0.0.0.0/0": true, "0.0.0.0/1": true, "203.0.113.7/32": true, "10.0.0.0/8": true, "10.0.11.0/24": false, "255.255.255.255/32": false} {
		assert.Equal(t, leaves, leavesNetwork(env, map[string]any{"CidrIp": block}), block)
	}
	assert.True(t, leavesNetwork(env, map[string]any{"CidrIpv6": "::/0"}))
	assert.False(t, leavesNetwork(env, map[string]any{"DestinationSecurityGroupId": "sg"}))
}

// An incident is found weeks after it began: whatever a construct asks for, no
// log is gone before somebody asks.
func TestNoLogForgetsBeforeSomebodyAsks(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		least := 30.0
		if env.Protected {
			least = 90
		}
		for _, stack := range env.sorted() {
			for id, group := range stack.ofType("AWS::Logs::LogGroup") {
				days, _ := group.Properties["RetentionInDays"].(float64)
				assert.GreaterOrEqualf(t, days, least, "%s %s", stack.name, id)
			}
		}
	})
}

func TestFunctionsRunOnTheProcessorTheyAreBuiltFor(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		built := 0
		for _, function := range env.everywhere("AWS::Lambda::Function") {
			if function.Properties["Runtime"] != "provided.al2023" {
				continue // CDK's own
			}
			built++
			assert.Equalf(t, []any{"arm64"}, function.Properties["Architectures"], "%s would not start", function.id)
			least := 180.0 // six attempts, ten seconds and a connection's time-out apart
			switch {
			case strings.HasPrefix(function.id, "DatabaseRotation"):
				least = 120 // one attempt with each of three versions of a password
			case strings.HasPrefix(function.id, "ReleaseMigration"), strings.HasPrefix(function.id, "Redeploy"):
				least = 60 // a few calls of ECS, which calls or is called again
			case strings.HasPrefix(function.id, "Outbox"):
				least = 50 // a few attempts, and an end before the next minute's
			case strings.HasPrefix(function.id, "ReleaseSmoke"):
				least = 150 // two minutes of a JVM that warms up, and time to say so
			}
			timeout, _ := function.Properties["Timeout"].(float64)
			assert.GreaterOrEqualf(t, timeout, least, "%s gives up before the last of its attempts", function.id)
		}
		assert.Equal(t, 8+5*env.DR.Mode.SecondaryRegions(), built, "for the users of the database, their passwords and the copies; in each region with a platform the users of Kafka, the outbox, and deployments: migration, test, and what follows a rotation")
	})
}

func TestADeadUserFunctionDoesNotHoldADeploymentForAnHour(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, user := range env.stack(t, "data").ofType("Custom::DatabaseUser") {
			assert.Equal(t, "300", fmt.Sprint(user.Properties["ServiceTimeout"]), id)
		}
	})
}
