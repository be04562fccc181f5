package config

import (
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Site is what a fork of this repository must fill in: nothing here has a
// default that is right for somebody else.
type Site struct {
	// Account is the twelve-digit AWS account that holds the environment.
	Account string
	// APIDomain is the public host name of the wallet API.
	APIDomain string
	// StaticDomain is the public host name of the static content.
	StaticDomain string
	// HostedZone is the public Route 53 zone that holds both host names.
	HostedZone HostedZone
	// Alerts are the e-mail addresses that alarms reach.
	Alerts Alerts
	// ImageTag is the tag of the service's image and of the migrations' in ECR. Both
	// must be there before Compute is deployed: the stack Registry, which holds the
	// repositories, comes first. The context key imageTag overrides it.
	ImageTag string
	// Grafana says who signs in to the Grafana workspace.
	Grafana GrafanaIdentity
	// GitHub says whose workflows may act in the account.
	GitHub GitHub
	// KafkaSource is the cluster that the MSK Replicator reads. AWS chooses its
	// names, and the second region must not ask the first for them: they are written
	// down here once the cluster exists, for every phase after [ReplicationNone].
	KafkaSource KafkaSource
	// RecoveryApprovers are the ARNs of the roles, such as those of IAM Identity
	// Center, that may take on the role by which a failover is approved. Empty lets
	// every principal of the account that IAM allows to.
	RecoveryApprovers []string
}

// HostedZone names an existing public Route 53 hosted zone.
type HostedZone struct {
	ID   string // such as "Z0123456789EXAMPLE00"
	Name string // such as "example.com"
}

// Alerts are the subscribers of the two severities.
type Alerts struct {
	Critical []string // e-mail addresses that wake somebody
	Warning  []string // e-mail addresses that are read in working hours
}

// GrafanaIdentity says how people sign in to Grafana.
type GrafanaIdentity struct {
	// Provider is "AWS_SSO" (IAM Identity Center, which the account's
	// organization must have) or "SAML".
	Provider string
	// SAMLMetadataURL is the identity provider's metadata document. Only for SAML.
	SAMLMetadataURL string
	// SAMLAdminRoles are the values of the role attribute that make an
	// administrator. Only for SAML.
	SAMLAdminRoles []string
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	zonePattern    = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	// A label of a host name; Route 53 and ACM take two or more of them.
	hostPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	// The OCI distribution specification's tag.
	imageTagPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

func validateSite(p *problems, e Environment) {
	site := e.Site
	p.check(accountPattern.MatchString(site.Account), "Site.Account", site.Account, "12 digits")
	validateHosts(p, e)
	validateApprovers(p, e)
	validateAddresses(p, "Site.Alerts.Critical", site.Alerts.Critical)
	validateAddresses(p, "Site.Alerts.Warning", site.Alerts.Warning)
	validateImageTag(p, site.ImageTag)
	validateGrafana(p, site.Grafana)
	validateGitHub(p, site.GitHub)
}

func validateHosts(p *problems, e Environment) {
	site, zone := e.Site, e.Site.HostedZone
	p.check(zonePattern.MatchString(zone.ID), "Site.HostedZone.ID", zone.ID, "the ID of a Route 53 zone, such as Z0123456789EXAMPLE00")
	p.check(isHost(zone.Name), "Site.HostedZone.Name", zone.Name, "a lower-case domain name without a dot at its end")
	for _, host := range []struct{ field, name string }{
		{"Site.APIDomain", site.APIDomain},
		{"Site.StaticDomain", site.StaticDomain},
	} {
		if !isHost(host.name) {
			p.add(host.field, host.name, "a lower-case host name without a dot at its end")
			continue
		}
		inside := host.name == zone.Name || strings.HasSuffix(host.name, "."+zone.Name)
		p.check(inside, host.field, host.name, "a host name in the hosted zone %q", zone.Name)
		p.check(len(host.name) <= maxCertificate, host.field, host.name, "at most the %d characters of a certificate's name", maxCertificate)
	}
	p.check(site.StaticDomain != site.APIDomain, "Site.StaticDomain", site.StaticDomain, "another host name than Site.APIDomain")
	p.check(!slices.Contains(e.regionalDomains(), site.StaticDomain), "Site.StaticDomain", site.StaticDomain,
		"another host name than those of the regions' own load balancers, %s", strings.Join(e.regionalDomains(), ", "))
}

// maxCertificate is the length of the longest host name for which ACM issues a
// certificate ("DomainName" of RequestCertificate).
const maxCertificate = 64

// regionalDomains are the names of the regions' own load balancers, where the API's
// name leads to one of them.
func (e Environment) regionalDomains() []string {
	if e.DR.Mode != DRStandby {
		return nil
	}
	return []string{e.Names().RegionalDomain(e.Primary), e.Names().RegionalDomain(e.Secondary)}
}

func isHost(name string) bool { return len(name) <= 253 && hostPattern.MatchString(name) }

// validateApprovers wants roles of this account by their whole names: who stands here
// approves what can lose data.
func validateApprovers(p *problems, e Environment) {
	const field = "Site.RecoveryApprovers"
	role := regexp.MustCompile("^" + regexp.QuoteMeta(ARN("iam", "", e.Site.Account, "role/")) + `([\w+=,.@-]+/)*[\w+=,.@-]{1,64}$`)
	for _, approver := range e.Site.RecoveryApprovers {
		p.check(role.MatchString(approver), field, approver, "the ARN of one role of the account %s", e.Site.Account)
		// IAM refuses a role that trusts itself before it exists, and no program approves.
		p.check(!strings.Contains(approver, "/"+e.Names().Prefix()+"-") && !strings.Contains(approver, ":role/aws-service-role/"), field, approver,
			"a role that people take, and none of the environment's or of AWS's own")
	}
	p.check(len(e.Site.RecoveryApprovers) <= maxApprovers, field, len(e.Site.RecoveryApprovers), "at most %d roles, which a trust policy has room for", maxApprovers)
	p.unique(field, e.Site.RecoveryApprovers)
}

// maxApprovers keeps the role's trust policy under IAM's quota of 2,048 characters,
// the ARNs of IAM Identity Center's roles being about 130 long.
const maxApprovers = 10

// maxLocalPart is the length of the part of an address before its @ (RFC 5321, 4.5.3.1.1).
const maxLocalPart = 64

// validateAddresses wants somebody to hear of an alarm, and each of them once:
// SNS keeps one subscription for an address.
func validateAddresses(p *problems, field string, addresses []string) {
	p.check(len(addresses) > 0, field, addresses, "at least one e-mail address")
	for _, address := range addresses {
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address || !isASCII(address) {
			p.add(field, address, "a bare e-mail address in ASCII, which is all that SNS takes")
			continue
		}
		at := strings.LastIndex(address, "@")
		p.check(at <= maxLocalPart && isHost(strings.ToLower(address[at+1:])), field, address, "an address at a public domain, with at most %d characters before the @", maxLocalPart)
	}
	p.unique(field, addresses)
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

func validateImageTag(p *problems, tag string) {
	const field = "Site.ImageTag"
	switch tag {
	case "":
		p.add(field, tag, "the tag of the image to run, in config or as -c %s=…: deploy the stack Registry first and push one", contextImageTag)
	case "none":
		// The word by which a migration learns that no release serves (cmd/migrate).
		p.add(field, tag, "the tag of a release: for a first deployment, deploy the stack Registry and push one")
	case "latest":
		p.add(field, tag, "a tag that names one image for ever (the repository's tags are immutable)")
	default:
		p.check(imageTagPattern.MatchString(tag), field, tag,
			"a tag of at most 128 letters, digits, '_', '.' and '-', which starts with none of the last two")
	}
}

func validateGrafana(p *problems, grafana GrafanaIdentity) {
	oneOf(p, "Site.Grafana.Provider", grafana.Provider, "AWS_SSO", "SAML")
	if grafana.Provider != "SAML" {
		p.check(grafana.SAMLMetadataURL == "", "Site.Grafana.SAMLMetadataURL", grafana.SAMLMetadataURL, "nothing without Provider SAML")
		p.check(len(grafana.SAMLAdminRoles) == 0, "Site.Grafana.SAMLAdminRoles", grafana.SAMLAdminRoles, "nothing without Provider SAML")
		return
	}
	metadata, err := url.Parse(grafana.SAMLMetadataURL)
	// A password in it would stand in the template.
	p.check(err == nil && metadata.Scheme == "https" && isHost(strings.ToLower(metadata.Hostname())) && metadata.User == nil && len(grafana.SAMLMetadataURL) <= 2048,
		"Site.Grafana.SAMLMetadataURL", grafana.SAMLMetadataURL, "the https address of the identity provider's metadata on a public host, at most 2048 characters")
	roles := grafana.SAMLAdminRoles
	wrong := func(role string) bool { return role == "" || len(role) > 256 }
	p.check(len(roles) > 0 && !slices.ContainsFunc(roles, wrong), "Site.Grafana.SAMLAdminRoles", roles, "at least one role, each of 1 to 256 characters")
	p.unique("Site.Grafana.SAMLAdminRoles", roles)
}
