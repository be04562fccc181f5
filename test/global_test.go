package test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// distribution returns the configuration of the environment's distribution.
func distribution(t *testing.T, env environment) map[string]any {
	t.Helper()
	return objectAt(t, env.stack(t, "global").only(t, "AWS::CloudFront::Distribution").Properties, "DistributionConfig")
}

func TestStaticContentIsServedOverHTTPSAlone(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		config := distribution(t, env)
		assert.Equal(t, "https-only", at(config, "DefaultCacheBehavior", "ViewerProtocolPolicy"))
		assert.Equal(t, "TLSv1.2_2021", at(config, "ViewerCertificate", "MinimumProtocolVersion"))
		assert.Equal(t, "sni-only", at(config, "ViewerCertificate", "SslSupportMethod"))
		assert.Equal(t, "http2and3", config["HttpVersion"])
		headers := at(env.stack(t, "global").only(t, "AWS::CloudFront::ResponseHeadersPolicy").Properties,
			"ResponseHeadersPolicyConfig", "SecurityHeadersConfig")
		assert.GreaterOrEqual(t, at(headers, "StrictTransportSecurity", "AccessControlMaxAgeSec"), 31536000.0)
		for _, header := range []string{"StrictTransportSecurity", "ContentTypeOptions", "FrameOptions", "ReferrerPolicy", "ContentSecurityPolicy"} {
			assert.Equalf(t, true, at(headers, header, "Override"), "%s: the bucket could weaken it", header)
		}
		assert.Equal(t, "DENY", at(headers, "FrameOptions", "FrameOption"))
		assert.Equal(t, "default-src 'self'; connect-src 'self' https://"+env.Site.APIDomain+
			"; object-src 'none'; base-uri 'self'; frame-ancestors 'none'", at(headers, "ContentSecurityPolicy", "ContentSecurityPolicy"))
		for id := range env.stack(t, "global").ofType("AWS::CloudFront::ResponseHeadersPolicy") {
			assert.Equal(t, map[string]any{"Ref": id}, at(config, "DefaultCacheBehavior", "ResponseHeadersPolicyId"))
		}
	})
}

func TestNobodyWritesThroughTheDistribution(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		config := distribution(t, env)
		assert.Equal(t, []any{"GET", "HEAD", "OPTIONS"}, at(config, "DefaultCacheBehavior", "AllowedMethods"))
		assert.Nil(t, config["CacheBehaviors"], "a further behavior needs the same checks")
		assert.Equal(t, "index.html", config["DefaultRootObject"], "without it the root lists the bucket to whoever may")
		assert.Equal(t, true, at(config, "DefaultCacheBehavior", "Compress"))
		assert.Equal(t, env.Edge.PriceClass, config["PriceClass"])
		assert.Equal(t, true, config["Enabled"])
	})
}

func TestTheDistributionStandsBehindItsWebACL(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		global := env.stack(t, "global")
		assert.Equal(t, "us-east-1", global.region, "CloudFront's web ACL and certificate exist nowhere else")
		for id, acl := range global.ofType("AWS::WAFv2::WebACL") {
			assert.Equal(t, "CLOUDFRONT", acl.Properties["Scope"])
			assert.Equal(t, map[string]any{"Fn::GetAtt": []any{id, "Arn"}}, distribution(t, env)["WebACLId"])
		}
		global.only(t, "AWS::WAFv2::WebACL")
	})
}

func TestTheStaticHostNameReachesTheDistribution(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		global := env.stack(t, "global")
		config := distribution(t, env)
		assert.Equal(t, []any{env.Site.StaticDomain}, config["Aliases"])
		certificate := global.only(t, "AWS::CertificateManager::Certificate").Properties
		assert.Equal(t, env.Site.StaticDomain, certificate["DomainName"])
		assert.Equal(t, "DNS", certificate["ValidationMethod"])
		assert.Equal(t, env.Site.HostedZone.ID, at(certificate, "DomainValidationOptions", 0, "HostedZoneId"),
			"CloudFormation would wait for a person to validate the certificate")
		types := map[any]bool{}
		for _, record := range global.ofType("AWS::Route53::RecordSet") {
			types[record.Properties["Type"]] = true
			assert.Equal(t, env.Site.StaticDomain+".", record.Properties["Name"])
			assert.Equal(t, env.Site.HostedZone.ID, record.Properties["HostedZoneId"])
			for id := range global.ofType("AWS::CloudFront::Distribution") {
				assert.Equal(t, map[string]any{"Fn::GetAtt": []any{id, "DomainName"}}, at(record.Properties, "AliasTarget", "DNSName"))
			}
		}
		assert.Equal(t, map[any]bool{"A": true, "AAAA": true}, types)
	})
}

func TestStaticContentSurvivesTheLossOfThePrimaryRegion(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		global := env.stack(t, "global")
		config := distribution(t, env)
		origins := listAt(t, config, "Origins")
		require.Len(t, origins, 2)
		assert.Equal(t, env.Names().Bucket("static", env.Primary)+".s3."+env.Primary.Name+".amazonaws.com", at(origins, 0, "DomainName"))
		replica := ""
		for id, bucket := range global.ofType("AWS::S3::Bucket") {
			if bucket.Properties["BucketName"] == env.Names().Bucket("static", env.Secondary) {
				replica = id
			}
		}
		assert.Equal(t, map[string]any{"Fn::GetAtt": []any{replica, "RegionalDomainName"}}, at(origins, 1, "DomainName"))

		group := at(config, "OriginGroups", "Items", 0)
		assert.Equal(t, at(group, "Id"), at(config, "DefaultCacheBehavior", "TargetOriginId"))
		assert.Equal(t, at(origins, 0, "Id"), at(group, "Members", "Items", 0, "OriginId"))
		assert.Equal(t, at(origins, 1, "Id"), at(group, "Members", "Items", 1, "OriginId"))
		assert.Equal(t, []any{500.0, 502.0, 503.0, 504.0}, at(group, "FailoverCriteria", "StatusCodes", "Items"))
	})
}

func TestOnlyThisDistributionReadsTheReplica(t *testing.T) {
	eachThatCopies(t, func(t *testing.T, env environment) {
		global := env.stack(t, "global")
		for id := range global.ofType("AWS::CloudFront::OriginAccessControl") {
			for _, origin := range listAt(t, distribution(t, env), "Origins") {
				assert.Equal(t, map[string]any{"Fn::GetAtt": []any{id, "Id"}}, at(origin, "OriginAccessControlId"))
			}
		}
		access := global.only(t, "AWS::CloudFront::OriginAccessControl").Properties["OriginAccessControlConfig"]
		assert.Equal(t, "always", at(access, "SigningBehavior"))
		assert.Equal(t, "sigv4", at(access, "SigningProtocol"))
		var readers []any
		for _, policy := range global.ofType("AWS::S3::BucketPolicy") {
			for _, statement := range listAt(t, policy.Properties, "PolicyDocument", "Statement") {
				if at(statement, "Principal", "Service") == "cloudfront.amazonaws.com" {
					readers = append(readers, statement)
				}
			}
		}
		require.Len(t, readers, 1)
		assert.Equal(t, "s3:GetObject", at(readers[0], "Action"))
		source, err := json.Marshal(at(readers[0], "Condition", "StringEquals", "AWS:SourceArn"))
		require.NoError(t, err)
		for id := range global.ofType("AWS::CloudFront::Distribution") {
			assert.Contains(t, string(source), `":distribution/",{"Ref":"`+id+`"}`)
		}
	})
}

func TestTheStaticAccessLogHoldsNoPersonalData(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		global := env.stack(t, "global")
		delivery := global.only(t, "AWS::Logs::Delivery").Properties
		fields := listAt(t, delivery, "RecordFields")
		// The log stands in us-east-1 even where nothing may leave Brazil.
		for _, personal := range []string{"c-ip", "c-port", "x-forwarded-for", "cs(Cookie)", "cs-uri-query", "cs(Referer)", "c-country", "asn"} {
			assert.NotContains(t, fields, personal)
		}
		for _, needed := range []string{"date", "time", "cs-method", "cs-uri-stem", "sc-status", "x-edge-result-type", "time-taken"} {
			assert.Contains(t, fields, needed)
		}
		source := global.only(t, "AWS::Logs::DeliverySource").Properties
		assert.Equal(t, "ACCESS_LOGS", source["LogType"])
		for id := range global.ofType("AWS::CloudFront::Distribution") {
			assert.Equal(t, map[string]any{"Fn::Join": []any{"", []any{
				"arn:aws:cloudfront::" + env.Site.Account + ":distribution/", map[string]any{"Ref": id},
			}}}, source["ResourceArn"])
		}
		target := at(global.only(t, "AWS::Logs::DeliveryDestination").Properties, "DestinationResourceArn", "Fn::GetAtt", 0)
		group := global.Resources[textAt(t, target)]
		assert.EqualValues(t, env.Edge.LogRetentionDays, group.Properties["RetentionInDays"])
		assert.NotNil(t, group.Properties["KmsKeyId"])
	})
}

func TestReplicasOfSecretsHaveTheirKeyOnlyInStandby(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		want := 0
		if env.DR.Mode == config.DRStandby {
			want = 1
		}
		found := 0
		for _, alias := range env.stack(t, "global").ofType("AWS::KMS::Alias") {
			if alias.Properties["AliasName"] == "alias/"+env.Names().KeyAlias("secrets-replica") {
				found++
			}
		}
		assert.Equal(t, want, found)
	})
}

func TestNothingIsCopiedWhenNothingMayLeaveBrazil(t *testing.T) {
	t.Parallel()
	env := altered(t, withoutCopies())
	assert.NotContains(t, env.stacks, "dr")
	global := env.stack(t, "global")
	assert.Empty(t, global.ofType("AWS::S3::Bucket"), "replicas")
	assert.Empty(t, global.ofType("AWS::Backup::BackupVault"))
	for _, alias := range global.ofType("AWS::KMS::Alias") {
		assert.Equal(t, "alias/"+env.Names().KeyAlias("global-logs"), alias.Properties["AliasName"])
	}
	config := distribution(t, env)
	assert.Len(t, config["Origins"], 1)
	assert.Nil(t, config["OriginGroups"])
	assert.Equal(t, at(config, "Origins", 0, "Id"), at(config, "DefaultCacheBehavior", "TargetOriginId"))
	for _, stack := range env.stacks {
		if stack.region == env.Secondary.Name {
			continue
		}
		for id, r := range stack.Resources {
			assert.NotEqual(t, "AWS::RDS::GlobalCluster", r.Type, id)
			assert.Nilf(t, r.Properties["ReplicationConfiguration"], "%s is copied", id)
			assert.Nilf(t, r.Properties["ReplicaRegions"], "%s is copied", id)
			if r.Type == "AWS::Backup::BackupPlan" {
				content, err := json.Marshal(r.Properties)
				require.NoError(t, err)
				assert.NotContains(t, string(content), "DestinationBackupVaultArn")
			}
		}
	}
}
