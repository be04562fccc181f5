package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSiteThatAForkFilledInBadly(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"account too short":      {func(e *Environment) { e.Site.Account = "22222222222" }, `Site.Account: want 12 digits, got "22222222222"`},
		"zone ID":                {func(e *Environment) { e.Site.HostedZone.ID = "/hostedzone/Z1" }, `Site.HostedZone.ID: want the ID of a Route 53 zone, such as Z0123456789EXAMPLE00, got "/hostedzone/Z1"`},
		"API domain malformed":   {func(e *Environment) { e.Site.APIDomain = "https://api.wallet.example.com" }, `Site.APIDomain: want a lower-case host name without a dot at its end, got "https://api.wallet.example.com"`},
		"API domain elsewhere":   {func(e *Environment) { e.Site.APIDomain = "api.example.org" }, `Site.APIDomain: want a host name in the hosted zone "wallet.example.com", got "api.example.org"`},
		"domain of a namesake":   {func(e *Environment) { e.Site.APIDomain = "notwallet.example.com" }, `Site.APIDomain: want a host name in the hosted zone "wallet.example.com", got "notwallet.example.com"`},
		"static domain":          {func(e *Environment) { e.Site.StaticDomain = "" }, `Site.StaticDomain: want a lower-case host name without a dot at its end, got ""`},
		"one domain for both":    {func(e *Environment) { e.Site.StaticDomain = e.Site.APIDomain }, `Site.StaticDomain: want another host name than Site.APIDomain, got "api.wallet.example.com"`},
		"API name over ACM's 64": {func(e *Environment) { e.Site.APIDomain = strings.Repeat("a", 46) + ".wallet.example.com" }, `Site.APIDomain: want at most the 64 characters of a certificate's name, got "` + strings.Repeat("a", 46) + `.wallet.example.com"`},
		"static over ACM's 64":   {func(e *Environment) { e.Site.StaticDomain = strings.Repeat("a", 46) + ".wallet.example.com" }, `Site.StaticDomain: want at most the 64 characters of a certificate's name, got "` + strings.Repeat("a", 46) + `.wallet.example.com"`},
		"static name of a region": {func(e *Environment) { e.Site.StaticDomain = "us-east-1.api.wallet.example.com" },
			`Site.StaticDomain: want another host name than those of the regions' own load balancers, sa-east-1.api.wallet.example.com, us-east-1.api.wallet.example.com, got "us-east-1.api.wallet.example.com"`},
		"anybody approves":     {func(e *Environment) { e.Site.RecoveryApprovers = []string{"*"} }, `Site.RecoveryApprovers: want the ARN of one role of the account 222222222222, got "*"`},
		"any role approves":    {func(e *Environment) { e.Site.RecoveryApprovers = []string{"arn:aws:iam::222222222222:role/*"} }, `Site.RecoveryApprovers: want the ARN of one role of the account 222222222222, got "arn:aws:iam::222222222222:role/*"`},
		"a stranger approves":  {func(e *Environment) { e.Site.RecoveryApprovers = []string{"arn:aws:iam::999999999999:role/oncall"} }, `Site.RecoveryApprovers: want the ARN of one role of the account 222222222222, got "arn:aws:iam::999999999999:role/oncall"`},
		"the account approves": {func(e *Environment) { e.Site.RecoveryApprovers = []string{"arn:aws:iam::222222222222:root"} }, `Site.RecoveryApprovers: want the ARN of one role of the account 222222222222, got "arn:aws:iam::222222222222:root"`},
		"the role approves itself, which IAM refuses": {func(e *Environment) {
			e.Site.RecoveryApprovers = []string{"arn:aws:iam::222222222222:role/" + e.Names().RecoveryApprover()}
		}, `Site.RecoveryApprovers: want a role that people take, and none of the environment's or of AWS's own, got "arn:aws:iam::222222222222:role/wallet-production-recovery-approver"`},
		"a program approves": {func(e *Environment) {
			e.Site.RecoveryApprovers = []string{"arn:aws:iam::222222222222:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"}
		}, `Site.RecoveryApprovers: want a role that people take, and none of the environment's or of AWS's own, got "arn:aws:iam::222222222222:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"`},
		"too many approve": {func(e *Environment) {
			for i := range 11 {
				e.Site.RecoveryApprovers = append(e.Site.RecoveryApprovers, fmt.Sprintf("arn:aws:iam::222222222222:role/a%d", i))
			}
		}, `Site.RecoveryApprovers: want at most 10 roles, which a trust policy has room for, got 11`},
		"approver twice": {func(e *Environment) {
			e.Site.RecoveryApprovers = []string{"arn:aws:iam::222222222222:role/a", "arn:aws:iam::222222222222:role/a"}
		}, `Site.RecoveryApprovers: want each value once, got "arn:aws:iam::222222222222:role/a"`},
		"address beyond ASCII": {func(e *Environment) { e.Site.Alerts.Critical = []string{"plantão@example.com"} }, `Site.Alerts.Critical: want a bare e-mail address in ASCII, which is all that SNS takes, got "plantão@example.com"`},
		"role of 257 characters": {func(e *Environment) {
			e.Site.Grafana = GrafanaIdentity{Provider: "SAML", SAMLMetadataURL: "https://id.br/m", SAMLAdminRoles: []string{strings.Repeat("a", 257)}}
		}, `Site.Grafana.SAMLAdminRoles: want at least one role, each of 1 to 256 characters, got [` + strings.Repeat("a", 257) + `]`},
		"reserved tag":             {func(e *Environment) { e.Tags.Owner = "AWS:wallet" }, `Tags.Owner: want 1 to 256 letters, digits, spaces inside and _.:/=+-@, which do not start with "aws:", got "AWS:wallet"`},
		"name of the boundary":     {func(e *Environment) { e.Name = "deployment" }, `Name: want another name than deployment, identity, with which the account's own policies and stack begin, got "deployment"`},
		"nobody to wake":           {func(e *Environment) { e.Site.Alerts.Critical = nil }, `Site.Alerts.Critical: want at least one e-mail address, got []`},
		"nobody to warn":           {func(e *Environment) { e.Site.Alerts.Warning = nil }, `Site.Alerts.Warning: want at least one e-mail address, got []`},
		"address malformed":        {func(e *Environment) { e.Site.Alerts.Critical = []string{"oncall"} }, `Site.Alerts.Critical: want a bare e-mail address in ASCII, which is all that SNS takes, got "oncall"`},
		"address with a name":      {func(e *Environment) { e.Site.Alerts.Warning = []string{"A <a@example.com>"} }, `Site.Alerts.Warning: want a bare e-mail address in ASCII, which is all that SNS takes, got "A <a@example.com>"`},
		"address without a domain": {func(e *Environment) { e.Site.Alerts.Critical = []string{"root@localhost"} }, `Site.Alerts.Critical: want an address at a public domain, with at most 64 characters before the @, got "root@localhost"`},
		"address of a machine":     {func(e *Environment) { e.Site.Alerts.Critical = []string{"root@[10.0.0.1]"} }, `Site.Alerts.Critical: want an address at a public domain, with at most 64 characters before the @, got "root@[10.0.0.1]"`},
		"address too long": {func(e *Environment) { e.Site.Alerts.Warning = []string{strings.Repeat("a", 65) + "@b.br"} },
			`Site.Alerts.Warning: want an address at a public domain, with at most 64 characters before the @, got "` + strings.Repeat("a", 65) + `@b.br"`},
		"address twice":          {func(e *Environment) { e.Site.Alerts.Warning = []string{"a@b.br", "a@b.br"} }, `Site.Alerts.Warning: want each value once, got "a@b.br"`},
		"image tag missing":      {func(e *Environment) { e.Site.ImageTag = "" }, `Site.ImageTag: want the tag of the image to run, in config or as -c imageTag=…: deploy the stack Registry first and push one, got ""`},
		"image tag of none":      {func(e *Environment) { e.Site.ImageTag = "none" }, `Site.ImageTag: want the tag of a release: for a first deployment, deploy the stack Registry and push one, got "none"`},
		"image tag that moves":   {func(e *Environment) { e.Site.ImageTag = "latest" }, `Site.ImageTag: want a tag that names one image for ever (the repository's tags are immutable), got "latest"`},
		"image tag malformed":    {func(e *Environment) { e.Site.ImageTag = "-1:0" }, `Site.ImageTag: want a tag of at most 128 letters, digits, '_', '.' and '-', which starts with none of the last two, got "-1:0"`},
		"Grafana provider":       {func(e *Environment) { e.Site.Grafana.Provider = "LDAP" }, `Site.Grafana.Provider: want one of AWS_SSO, SAML, got "LDAP"`},
		"SAML fields for SSO":    {func(e *Environment) { e.Site.Grafana.SAMLMetadataURL = "https://id.br" }, `Site.Grafana.SAMLMetadataURL: want nothing without Provider SAML, got "https://id.br"`},
		"SAML roles for SSO":     {func(e *Environment) { e.Site.Grafana.SAMLAdminRoles = []string{"a"} }, `Site.Grafana.SAMLAdminRoles: want nothing without Provider SAML, got [a]`},
		"SAML without its field": {func(e *Environment) { e.Site.Grafana.Provider = "SAML" }, "Site.Grafana.SAMLMetadataURL: want the https address of the identity provider's metadata on a public host, at most 2048 characters, got \"\"\nSite.Grafana.SAMLAdminRoles: want at least one role, each of 1 to 256 characters, got []"},
		"SAML without a host":    {saml("https://:443"), badMetadata("https://:443")},
		"SAML in the account":    {saml("https://localhost/m"), badMetadata("https://localhost/m")},
		"SAML with a password":   {saml("https://me:secret@id.br/m"), badMetadata("https://me:secret@id.br/m")},
		"SAML in the clear":      {saml("http://id.br/m"), badMetadata("http://id.br/m")},
		"SAML role twice": {func(e *Environment) {
			e.Site.Grafana = GrafanaIdentity{Provider: "SAML", SAMLMetadataURL: "https://id.br/m", SAMLAdminRoles: []string{"a", "a"}}
		}, `Site.Grafana.SAMLAdminRoles: want each value once, got "a"`},
		"repository of a dot":          {func(e *Environment) { e.Site.GitHub.Platform.Name = "." }, `Site.GitHub.Platform.Name: want the name of a GitHub repository, without its owner, got "."`},
		"repository above":             {func(e *Environment) { e.Site.GitHub.Platform.Name = ".." }, `Site.GitHub.Platform.Name: want the name of a GitHub repository, without its owner, got ".."`},
		"repository by its URL":        {func(e *Environment) { e.Site.GitHub.Platform.Name = "wallet-infra.git" }, `Site.GitHub.Platform.Name: want the name of a GitHub repository, without its owner, got "wallet-infra.git"`},
		"owner of two numbers":         {func(e *Environment) { e.Site.GitHub.Service.OwnerID++ }, `Site.GitHub.Service.OwnerID: want a number for each owner, and one for the same, got 1000002`},
		"two owners, one number":       {func(e *Environment) { e.Site.GitHub.Service.Owner = "another" }, `Site.GitHub.Service.OwnerID: want a number for each owner, and one for the same, got 1000001`},
		"two repositories, one number": {func(e *Environment) { e.Site.GitHub.Service.ID = e.Site.GitHub.Platform.ID }, `Site.GitHub.Service.ID: want a number for each repository, and one for the same, got 2000001`},
		"branch that git refuses":      {func(e *Environment) { e.Site.GitHub.Branch = "main.lock" }, `Site.GitHub.Branch: want the name of one branch, without a path or a pattern, got "main.lock"`},
		"branch as a range":            {func(e *Environment) { e.Site.GitHub.Branch = "a..b" }, `Site.GitHub.Branch: want the name of one branch, without a path or a pattern, got "a..b"`},
		"branch with a dot last":       {func(e *Environment) { e.Site.GitHub.Branch = "main." }, `Site.GitHub.Branch: want the name of one branch, without a path or a pattern, got "main."`},
		"repository with owner":        {func(e *Environment) { e.Site.GitHub.Platform.Name = "example/wallet-infra" }, `Site.GitHub.Platform.Name: want the name of a GitHub repository, without its owner, got "example/wallet-infra"`},
		"owner as a pattern":           {func(e *Environment) { e.Site.GitHub.Service.Owner = "*" }, `Site.GitHub.Service.Owner: want the name of a GitHub account, got "*"`},
		"owner without number":         {func(e *Environment) { e.Site.GitHub.Service.OwnerID = 0 }, `Site.GitHub.Service.OwnerID: want the number that GitHub gave to the owner, got 0`},
		"repository, no number":        {func(e *Environment) { e.Site.GitHub.Platform.ID = 0 }, `Site.GitHub.Platform.ID: want the number that GitHub gave to the repository, got 0`},
		"branch as a pattern":          {func(e *Environment) { e.Site.GitHub.Branch = "release/*" }, `Site.GitHub.Branch: want the name of one branch, without a path or a pattern, got "release/*"`},
		"session of a day":             {func(e *Environment) { e.Pipeline.DeploySession = 24 * time.Hour }, `Pipeline.DeploySession: want 1 to 12 whole hours, got 24h0m0s`},
		"owner missing":                {func(e *Environment) { e.Tags.Owner = "" }, `Tags.Owner: want 1 to 256 letters, digits, spaces inside and _.:/=+-@, which do not start with "aws:", got ""`},
		"owner of nothing":             {func(e *Environment) { e.Tags.Owner = " " }, `Tags.Owner: want 1 to 256 letters, digits, spaces inside and _.:/=+-@, which do not start with "aws:", got " "`},
		"cost centre malformed":        {func(e *Environment) { e.Tags.CostCentre = "R&D" }, `Tags.CostCentre: want 1 to 256 letters, digits, spaces inside and _.:/=+-@, which do not start with "aws:", got "R&D"`},
		"data class unknown":           {func(e *Environment) { e.Tags.DataClass = "secret" }, `Tags.DataClass: want one of restricted, synthetic, got "secret"`},
	})
}

func TestHostedZoneMalformed(t *testing.T) {
	env := large()
	env.Site.HostedZone.Name = "wallet.example.com."
	assert.ErrorContains(t, env.Validate(), `production: Site.HostedZone.Name: want a lower-case domain name without a dot at its end, got "wallet.example.com."`)
}

// saml lets people sign in by an identity provider whose metadata stand there.
func saml(metadata string) func(*Environment) {
	return func(e *Environment) {
		e.Site.Grafana = GrafanaIdentity{Provider: "SAML", SAMLMetadataURL: metadata, SAMLAdminRoles: []string{"admin"}}
	}
}

func badMetadata(address string) string {
	return `Site.Grafana.SAMLMetadataURL: want the https address of the identity provider's metadata on a public host, at most 2048 characters, got "` + address + `"`
}
