package config

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The only region of CloudFront's certificates and web ACLs.
const globalRegion = "us-east-1"

// The only AWS region in Brazil.
const brazil = "sa-east-1"

var (
	// No hyphen: IAM policies and names match on the prefix "wallet-<name>-", which
	// an environment "staging" and another "staging-eu" would share.
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9]+$`)
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	zonePattern    = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)
	// A label of a host name; Route 53 and ACM take two or more of them.
	hostPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	// The OCI distribution specification's tag.
	imageTagPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	// A GitHub account: letters, digits and single hyphens inside.
	ownerPattern = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$`)
	// A GitHub repository.
	repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	// A branch by one plain name: patterns and paths have no place in a trust.
	branchPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	// What AWS takes in a tag's value.
	tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
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

// validateGitHub wants exact names and numbers: whatever stands here is let into
// the account.
func validateGitHub(p *problems, github GitHub) {
	for _, r := range []struct {
		field string
		Repository
	}{
		{"Site.GitHub.Platform", github.Platform},
		{"Site.GitHub.Service", github.Service},
	} {
		p.check(ownerPattern.MatchString(r.Owner), r.field+".Owner", r.Owner, "the name of a GitHub account")
		p.check(repositoryPattern.MatchString(r.Name), r.field+".Name", r.Name, "the name of a GitHub repository, without its owner")
		p.check(r.OwnerID > 0, r.field+".OwnerID", r.OwnerID, "the number that GitHub gave to the owner")
		p.check(r.ID > 0, r.field+".ID", r.ID, "the number that GitHub gave to the repository")
	}
	p.check(branchPattern.MatchString(github.Branch), "Site.GitHub.Branch", github.Branch, "the name of one branch, without a path or a pattern")
}

// validatePipeline holds the session against IAM's bounds for a role.
func validatePipeline(p *problems, pipeline Pipeline) {
	p.hours("Pipeline.DeploySession", pipeline.DeploySession, 1, 12)
}

// maxCertificate is the length of the longest host name for which ACM issues a
// certificate ("DomainName" of RequestCertificate).
const maxCertificate = 64

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

// regionalDomains are the names of the regions' own load balancers, where the API's
// name leads to one of them.
func (e Environment) regionalDomains() []string {
	if e.DR.Mode != DRStandby {
		return nil
	}
	return []string{e.Names().RegionalDomain(e.Primary), e.Names().RegionalDomain(e.Secondary)}
}

// maxApprovers keeps the role's trust policy under IAM's quota of 2,048 characters,
// the ARNs of IAM Identity Center's roles being about 130 long.
const maxApprovers = 10

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

func isHost(name string) bool { return len(name) <= 253 && hostPattern.MatchString(name) }

// validateAddresses wants somebody to hear of an alarm, and each of them once:
// SNS keeps one subscription for an address.
func validateAddresses(p *problems, field string, addresses []string) {
	p.check(len(addresses) > 0, field, addresses, "at least one e-mail address")
	for _, address := range addresses {
		parsed, err := mail.ParseAddress(address)
		p.check(err == nil && parsed.Address == address && isASCII(address), field, address, "a bare e-mail address in ASCII, which is all that SNS takes")
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
	p.check(err == nil && metadata.Scheme == "https" && metadata.Host != "" && len(grafana.SAMLMetadataURL) <= 2048,
		"Site.Grafana.SAMLMetadataURL", grafana.SAMLMetadataURL, "the https address of the identity provider's metadata, at most 2048 characters")
	roles := grafana.SAMLAdminRoles
	wrong := func(role string) bool { return role == "" || len(role) > 256 }
	p.check(len(roles) > 0 && !slices.ContainsFunc(roles, wrong), "Site.Grafana.SAMLAdminRoles", roles, "at least one role, each of 1 to 256 characters")
}

// The classes of data.
const (
	restricted = "restricted" // customers' money and their names
	synthetic  = "synthetic"  // made up for tests
)

func validateTags(p *problems, tags Tags) {
	for _, tag := range []struct{ field, value string }{
		{"Tags.Owner", tags.Owner},
		{"Tags.CostCentre", tags.CostCentre},
	} {
		ok := tagPattern.MatchString(tag.value) && utf8.RuneCountInString(tag.value) <= 256 && !strings.HasPrefix(strings.ToLower(tag.value), "aws:")
		p.check(ok, tag.field, tag.value, "1 to 256 letters, digits, spaces and _.:/=+-@, which do not start with \"aws:\"")
	}
	oneOf(p, "Tags.DataClass", tags.DataClass, restricted, synthetic)
}

func validateRegions(p *problems, e Environment) {
	oneOf(p, "Primary.Name", e.Primary.Name, regionNames()...)
	p.check(e.Primary.Name != e.Secondary.Name, "Primary.Name", e.Primary.Name, "another region than Secondary.Name")
	p.check(e.Primary.Name == brazil || e.DR.AllowDataOutsideBrazil, "Primary.Name", e.Primary.Name,
		"%q while DR.AllowDataOutsideBrazil is false", brazil)
	p.check(e.Secondary.Name == globalRegion, "Secondary.Name", e.Secondary.Name,
		"%q, the only region of CloudFront's certificates and web ACLs, which has Managed Grafana besides", globalRegion)
	// Three zones: a broker, a cache node and a database instance in each, so that
	// the loss of one leaves a majority.
	validateZones(p, "Primary.Zones", e.Primary, 3)
	validateZones(p, "Secondary.Zones", e.Secondary, 2)
}

func validateZones(p *problems, field string, region Region, least int) {
	p.check(len(region.Zones) >= least, field, region.Zones, "at least %d zones", least)
	p.unique(field, region.Zones)
	offer, known := offers[region.Name]
	if !known {
		return // reported with the region's name
	}
	for _, zone := range region.Zones {
		letter, inside := strings.CutPrefix(zone, region.Name)
		p.check(inside && len(letter) == 1 && strings.Contains(offer.zones, letter), field, zone,
			"zones of %s (letters %s to %s)", region.Name, offer.zones[:1], offer.zones[len(offer.zones)-1:])
	}
}

// reservedNames would make an environment the owner of what [DeploymentBoundary] and
// [IdentityStackName] name: policies match on "wallet-<name>".
var reservedNames = []string{"deployment", "identity"}

// validateNames holds the names of names.go against the services' limits. Only
// the environment's name can make one too long.
func validateNames(p *problems, e Environment) {
	if !namePattern.MatchString(e.Name) {
		p.add("Name", e.Name, "lower-case letters and digits, a letter first, two or more")
		return
	}
	p.check(!slices.Contains(reservedNames, e.Name), "Name", e.Name, "another name than %s, with which the account's own policies and stack begin", strings.Join(reservedNames, ", "))
	worst := slices.MaxFunc(e.limitedNames(), func(a, b limitedName) int { return a.excess() - b.excess() })
	p.check(worst.excess() <= 0, "Name", e.Name, "a name short enough for %s %q (at most %d characters, not %d)",
		worst.what, worst.value, worst.limit, len(worst.value))
}

// limitedName is a physical name and the length that its service allows.
type limitedName struct {
	what  string
	value string
	limit int
}

// excess is by how much the name is too long.
func (n limitedName) excess() int { return len(n.value) - n.limit }

// limitedNames are the names of the environment that could become too long, the
// longest of each kind.
func (e Environment) limitedNames() []limitedName {
	names := []limitedName{
		{"the cache", e.Names().CacheName(), 40},
		{"the MSK cluster", e.Names().KafkaClusterName(), 64},
		{"the cache's user", e.Names().CacheUserID("default"), 40},
		{"the global database", e.Names().GlobalClusterName(), 63},
		{"the restore test", e.Names().RestoreTestName(), 50},
		{"the Region switch plan", e.Names().PlanName(PlanFailover), 32},
		{"the database's export", e.Names().Prefix() + "-" + strings.Repeat("0", 36), 60}, // with a UUID
		{"the approver's role", e.Names().RecoveryApprover(), 64},
		{"the pipeline's role", e.Names().PipelineRole(PipelineMigrations), 64},
	}
	for _, region := range []Region{e.Primary, e.Secondary} {
		names = append(names,
			limitedName{"the database in " + region.Name, e.Names().DatabaseClusterName(region), 63},
			limitedName{"the backup vault in " + region.Name, e.Names().BackupVault(region), 50},
		)
	}
	for _, purpose := range []string{"backups", "static"} {
		names = append(names, limitedName{fmt.Sprintf("the %s bucket", purpose), e.Names().Bucket(purpose, e.Primary), 63})
	}
	return names
}
