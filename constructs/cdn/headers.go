package cdn

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/constructs/value"
)

// hstsDays is two years: browsers' preload lists ask for at least one.
const hstsDays = 730

// securityHeaders tells browsers to stay on HTTPS and to run nothing but what
// the site itself serves; the one other host is the wallet's API.
func securityHeaders(scope constructs.Construct, props Props) awscloudfront.ResponseHeadersPolicy {
	return awscloudfront.NewResponseHeadersPolicy(scope, new("Headers"), &awscloudfront.ResponseHeadersPolicyProps{
		Comment: new("Security headers of " + props.Names.Prefix()),
		SecurityHeadersBehavior: &awscloudfront.ResponseSecurityHeadersBehavior{
			StrictTransportSecurity: &awscloudfront.ResponseHeadersStrictTransportSecurity{
				AccessControlMaxAge: value.Days(hstsDays),
				IncludeSubdomains:   new(true),
				Override:            new(true),
			},
			ContentTypeOptions: &awscloudfront.ResponseHeadersContentTypeOptions{Override: new(true)},
			FrameOptions: &awscloudfront.ResponseHeadersFrameOptions{
				FrameOption: awscloudfront.HeadersFrameOption_DENY,
				Override:    new(true),
			},
			ReferrerPolicy: &awscloudfront.ResponseHeadersReferrerPolicy{
				ReferrerPolicy: awscloudfront.HeadersReferrerPolicy_STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
				Override:       new(true),
			},
			ContentSecurityPolicy: &awscloudfront.ResponseHeadersContentSecurityPolicy{
				ContentSecurityPolicy: new(strings.Join([]string{
					"default-src 'self'",
					"connect-src 'self' https://" + props.APIDomain,
					"object-src 'none'",
					"base-uri 'self'",
					"frame-ancestors 'none'",
				}, "; ")),
				Override: new(true),
			},
		},
	})
}
