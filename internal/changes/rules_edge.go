package changes

// Documents of AWS on load balancers and delivery.
const listenerDoc = reference + "aws-resource-elasticloadbalancingv2-listener.html"

// edgeRules: by which way requests come in, and what stands before it.
var edgeRules = map[string][]rule{
	listener: {
		every("Certificates", Interrupts, "connections of an HTTPS listener may be interrupted", listenerDoc),
		every("DefaultActions", Traffic, "where requests of the listener go"),
		every("Port", Interrupts, "clients of the old port find nobody", listenerDoc),
		row("Protocol", does(Interrupts, "clients of the old protocol find nobody", listenerDoc), when("leaves HTTPS", leaves([]string{"HTTPS", "TLS"}), Weakens, "requests are not encrypted")),
		row("SslPolicy", does(Weakens, "other ciphers and versions of TLS are accepted"), mayInterrupt("connections of a busy load balancer may be interrupted", listenerDoc)),
		row("Tags", when("forwards", forwards("DefaultActions"), Traffic, weightsReset), when("does not forward", unless(forwards("DefaultActions")), Safe, "tags")),
	},
	listenerRule: {
		every("Actions", Traffic, "where requests of the rule go; the update sets the weights to those of the template"),
		row("Conditions", does(Traffic, "which requests the rule takes"), when("loosens", conditionsLoosen, Widens, "the rule answers more requests")),
		every("Priority", Traffic, "which rule takes a request first"),
		row("Tags", when("forwards", forwards("Actions"), Traffic, weightsReset), when("does not forward", unless(forwards("Actions")), Safe, "tags")),
	},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {
		must("LoadBalancerAttributes/deletion_protection.enabled", "true", Weakens, "the load balancer can be deleted"),
		must("LoadBalancerAttributes/access_logs.s3.enabled", "true", Weakens, "requests are no longer logged"),
		every("LoadBalancerAttributes/access_logs.s3.bucket", Weakens, "requests are logged elsewhere"),
		every("LoadBalancerAttributes/access_logs.s3.prefix", Weakens, "requests are logged elsewhere"),
		row("LoadBalancerAttributes/idle_timeout.timeout_seconds", when("more", larger, Interrupts, "a target that closes a quiet connection first makes requests fail", idleTimeout), down(Interrupts, "quiet connections end sooner")),
		must("LoadBalancerAttributes/routing.http2.enabled", "true", Interrupts, "clients that speak HTTP/2 alone find nobody"),
		must("LoadBalancerAttributes/routing.http.drop_invalid_header_fields.enabled", "true", Weakens, "invalid headers reach the service"),
		must("LoadBalancerAttributes/routing.http.desync_mitigation_mode", "strictest|defensive", Weakens, "requests that are ambiguous reach the service"),
		born("Scheme", "internal", Widens, "the load balancer has public addresses"),
		list("SecurityGroups", Widens, "others reach the load balancer", Interrupts, "fewer reach the load balancer"),
		list("Subnets", Traffic, "requests come in by a subnet more", Interrupts, "the addresses in a zone that leaves go away with their connections"),
	},
	"AWS::ElasticLoadBalancingV2::TargetGroup": {
		every("HealthCheckIntervalSeconds", Weakens, "a target counts as well or ill at another time"),
		every("HealthCheckPath", Weakens, "a target counts as well by something else"),
		every("HealthCheckTimeoutSeconds", Weakens, "a target counts as well or ill at another time"),
		every("HealthyThresholdCount", Weakens, "a target counts as well or ill at another time"),
		every("Matcher", Weakens, "a target counts as well by something else"),
		row("TargetGroupAttributes/deregistration_delay.timeout_seconds", up(Safe, "requests have longer to end"), down(Interrupts, "requests have less time to end")),
		every("TargetGroupAttributes", Traffic, "how requests are shared among the targets"),
		every("UnhealthyThresholdCount", Weakens, "a target counts as well or ill at another time"),
	},
	"AWS::Route53::RecordSet": {
		every("AliasTarget", Traffic, "what the name resolves to"),
		harmless("Comment", "a text for readers"),
		every("Failover", Traffic, "which record answers in a failover"),
		every("HealthCheckId", Traffic, "when the record answers"),
		every("HostedZoneId", Traffic, "in which zone it answers"),
		every("Name", Traffic, "which name it answers; the old one resolves no more"),
		every("ResourceRecords", Traffic, "what the name resolves to"),
		every("SetIdentifier", Traffic, "whom the record answers"),
		every("TTL", Traffic, "how long a failover takes to be seen"),
		every("Type", Traffic, "which question it answers"),
		every("Weight", Traffic, "how much of the traffic the record takes"),
	},
	"AWS::Route53::RecordSetGroup": {
		harmless("Comment", "a text for readers"),
		every("RecordSets", Traffic, "what names resolve to"),
	},
	"AWS::Route53::HealthCheck": {
		every("HealthCheckConfig", Traffic, "when a failover happens"),
	},
	"AWS::ARCRegionSwitch::Plan": {
		every("AssociatedAlarms", Traffic, "by what a switch of regions is judged"),
		harmless("Description", "a text for readers"),
		every("ExecutionRole", Enters, "regions are switched with the permissions of another role"),
		ceiling("RecoveryTimeObjectiveMinutes", "a switch that takes longer counts as good"),
		every("ReportConfiguration", Weakens, "reports of switches go elsewhere"),
		every("Workflows", Traffic, "what a switch of regions does"),
		harmless("Workflows/*/Steps/*/Description", "a text for readers"),
		harmless("Workflows/*/WorkflowDescription", "a text for readers"),
	},
	"AWS::CloudFront::Distribution": {
		list("DistributionConfig/Aliases", Traffic, "which names it answers for", Interrupts, "a name is answered no more"),
		harmless("DistributionConfig/Comment", "a text for readers"),
		list("DistributionConfig/DefaultCacheBehavior/AllowedMethods", Widens, "more methods reach the origin", Interrupts, "a method is refused"),
		every("DistributionConfig/DefaultCacheBehavior/CachePolicyId", Weakens, "other answers are kept, and for whom"),
		harmless("DistributionConfig/DefaultCacheBehavior/Compress", "the same content in another size"),
		every("DistributionConfig/DefaultCacheBehavior/ResponseHeadersPolicyId", Weakens, "answers have other headers, or none, that protect"),
		every("DistributionConfig/DefaultCacheBehavior/TargetOriginId", Traffic, "where requests go"),
		must("DistributionConfig/DefaultCacheBehavior/ViewerProtocolPolicy", "https-only|redirect-to-https", Weakens, "requests may be unencrypted"),
		every("DistributionConfig/DefaultRootObject", Traffic, "what the root answers"),
		must("DistributionConfig/Enabled", "true", Interrupts, "the distribution answers nobody"),
		row("DistributionConfig/HttpVersion", mayInterrupt("clients that speak no other version find nobody")),
		must("DistributionConfig/IPV6Enabled", "true", Interrupts, "clients that have IPv6 alone find nobody"),
		every("DistributionConfig/OriginGroups", Traffic, "where requests go"),
		every("DistributionConfig/Origins", Traffic, "where requests go"),
		every("DistributionConfig/PriceClass", Traffic, "from where answers come"),
		every("DistributionConfig/ViewerCertificate", Interrupts, "clients may be shown another certificate, or turned away"),
		every("DistributionConfig/ViewerCertificate/MinimumProtocolVersion", Weakens, "other versions of TLS are accepted"),
		every("DistributionConfig/WebACLId", Weakens, "another firewall, or none, stands before it"),
	},
	"AWS::CloudFront::OriginAccessControl": {
		every("OriginAccessControlConfig", Interrupts, "requests to the buckets are signed otherwise, or refused"),
		harmless("OriginAccessControlConfig/Description", "a text for readers"),
	},
	"AWS::CloudFront::ResponseHeadersPolicy": {
		harmless("ResponseHeadersPolicyConfig/Comment", "a text for readers"),
		every("ResponseHeadersPolicyConfig/SecurityHeadersConfig", Weakens, "answers have other headers that protect"),
		floor("ResponseHeadersPolicyConfig/SecurityHeadersConfig/StrictTransportSecurity/AccessControlMaxAgeSec", Weakens, "browsers insist on TLS for less time"),
	},
	"AWS::WAFv2::WebACL": {
		every("DataProtectionConfig", Weakens, "what is hidden in the firewall's logs changes"),
		every("DefaultAction", Weakens, "what no rule is about passes, or is stopped"),
		row("Rules",
			when("filters less", filtersLess, Weakens, "the firewall lets more pass"),
			when("stops more", stopsMore, Traffic, "requests that passed are stopped"),
			when("counts more", onlyCountsMore, Safe, "a rule more that counts, and stops nobody")),
		must("VisibilityConfig/CloudWatchMetricsEnabled", "true", Weakens, "what the firewall does is not measured"),
		every("VisibilityConfig/MetricName", Weakens, "alarms on the firewall watch what is no more"),
		must("VisibilityConfig/SampledRequestsEnabled", "true", Weakens, "requests that the firewall stops cannot be looked at"),
	},
	"AWS::WAFv2::LoggingConfiguration": {
		every("LogDestinationConfigs", Weakens, "requests are logged elsewhere"),
		every("LoggingFilter", Weakens, "other requests are logged than before"),
		every("RedactedFields", Weakens, "what is hidden in the log changes"),
	},
}

// weightsReset is what any update of a rule that forwards does, because a
// deployment may have moved the weights meanwhile.
const weightsReset = "the update sets the weights to those of the template"
