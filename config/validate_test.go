package config

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheCommittedEnvironmentsAreDeployable(t *testing.T) {
	for _, env := range All() {
		assert.NoError(t, env.Validate(), env.Name)
	}
	assert.NoError(t, validateTogether(All()))
}

// refusal is one mistake in an otherwise valid environment and the whole message
// that it must produce, without the environment's name.
type refusal struct {
	spoil func(e *Environment)
	want  string
}

// assertRefused applies each mistake by itself to a fresh environment.
func assertRefused(t *testing.T, base func() Environment, refusals map[string]refusal) {
	t.Helper()
	for name, r := range refusals {
		t.Run(name, func(t *testing.T) {
			env := base()
			r.spoil(&env)
			var want []string
			for line := range strings.Lines(r.want) {
				want = append(want, env.Name+": "+strings.TrimSpace(line))
			}
			assert.EqualError(t, env.Validate(), strings.Join(want, "\n"))
		})
	}
}

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
		"approver twice": {func(e *Environment) {
			e.Site.RecoveryApprovers = []string{"arn:aws:iam::222222222222:role/a", "arn:aws:iam::222222222222:role/a"}
		}, `Site.RecoveryApprovers: want each value once, got "arn:aws:iam::222222222222:role/a"`},
		"address beyond ASCII": {func(e *Environment) { e.Site.Alerts.Critical = []string{"plantão@example.com"} }, `Site.Alerts.Critical: want a bare e-mail address in ASCII, which is all that SNS takes, got "plantão@example.com"`},
		"role of 257 characters": {func(e *Environment) {
			e.Site.Grafana = GrafanaIdentity{Provider: "SAML", SAMLMetadataURL: "https://id.br/m", SAMLAdminRoles: []string{strings.Repeat("a", 257)}}
		}, `Site.Grafana.SAMLAdminRoles: want at least one role, each of 1 to 256 characters, got [` + strings.Repeat("a", 257) + `]`},
		"reserved tag":           {func(e *Environment) { e.Tags.Owner = "AWS:wallet" }, `Tags.Owner: want 1 to 256 letters, digits, spaces and _.:/=+-@, which do not start with "aws:", got "AWS:wallet"`},
		"name of the boundary":   {func(e *Environment) { e.Name = "deployment" }, `Name: want another name than deployment, identity, with which the account's own policies and stack begin, got "deployment"`},
		"nobody to wake":         {func(e *Environment) { e.Site.Alerts.Critical = nil }, `Site.Alerts.Critical: want at least one e-mail address, got []`},
		"nobody to warn":         {func(e *Environment) { e.Site.Alerts.Warning = nil }, `Site.Alerts.Warning: want at least one e-mail address, got []`},
		"address malformed":      {func(e *Environment) { e.Site.Alerts.Critical = []string{"oncall"} }, `Site.Alerts.Critical: want a bare e-mail address in ASCII, which is all that SNS takes, got "oncall"`},
		"address with a name":    {func(e *Environment) { e.Site.Alerts.Warning = []string{"A <a@example.com>"} }, `Site.Alerts.Warning: want a bare e-mail address in ASCII, which is all that SNS takes, got "A <a@example.com>"`},
		"address twice":          {func(e *Environment) { e.Site.Alerts.Warning = []string{"a@b.br", "a@b.br"} }, `Site.Alerts.Warning: want each value once, got "a@b.br"`},
		"image tag missing":      {func(e *Environment) { e.Site.ImageTag = "" }, `Site.ImageTag: want the tag of the image to run, in config or as -c imageTag=…: deploy the stack Registry first and push one, got ""`},
		"image tag of none":      {func(e *Environment) { e.Site.ImageTag = "none" }, `Site.ImageTag: want the tag of a release: for a first deployment, deploy the stack Registry and push one, got "none"`},
		"image tag that moves":   {func(e *Environment) { e.Site.ImageTag = "latest" }, `Site.ImageTag: want a tag that names one image for ever (the repository's tags are immutable), got "latest"`},
		"image tag malformed":    {func(e *Environment) { e.Site.ImageTag = "-1:0" }, `Site.ImageTag: want a tag of at most 128 letters, digits, '_', '.' and '-', which starts with none of the last two, got "-1:0"`},
		"Grafana provider":       {func(e *Environment) { e.Site.Grafana.Provider = "LDAP" }, `Site.Grafana.Provider: want one of AWS_SSO, SAML, got "LDAP"`},
		"SAML fields for SSO":    {func(e *Environment) { e.Site.Grafana.SAMLMetadataURL = "https://id.br" }, `Site.Grafana.SAMLMetadataURL: want nothing without Provider SAML, got "https://id.br"`},
		"SAML roles for SSO":     {func(e *Environment) { e.Site.Grafana.SAMLAdminRoles = []string{"a"} }, `Site.Grafana.SAMLAdminRoles: want nothing without Provider SAML, got [a]`},
		"SAML without its field": {func(e *Environment) { e.Site.Grafana.Provider = "SAML" }, "Site.Grafana.SAMLMetadataURL: want the https address of the identity provider's metadata, at most 2048 characters, got \"\"\nSite.Grafana.SAMLAdminRoles: want at least one role, each of 1 to 256 characters, got []"},
		"repository with owner":  {func(e *Environment) { e.Site.GitHub.Platform.Name = "example/wallet-infra" }, `Site.GitHub.Platform.Name: want the name of a GitHub repository, without its owner, got "example/wallet-infra"`},
		"owner as a pattern":     {func(e *Environment) { e.Site.GitHub.Service.Owner = "*" }, `Site.GitHub.Service.Owner: want the name of a GitHub account, got "*"`},
		"owner without number":   {func(e *Environment) { e.Site.GitHub.Service.OwnerID = 0 }, `Site.GitHub.Service.OwnerID: want the number that GitHub gave to the owner, got 0`},
		"repository, no number":  {func(e *Environment) { e.Site.GitHub.Platform.ID = 0 }, `Site.GitHub.Platform.ID: want the number that GitHub gave to the repository, got 0`},
		"branch as a pattern":    {func(e *Environment) { e.Site.GitHub.Branch = "release/*" }, `Site.GitHub.Branch: want the name of one branch, without a path or a pattern, got "release/*"`},
		"session of a day":       {func(e *Environment) { e.Pipeline.DeploySession = 24 * time.Hour }, `Pipeline.DeploySession: want 1 to 12 whole hours, got 24h0m0s`},
		"owner missing":          {func(e *Environment) { e.Tags.Owner = "" }, `Tags.Owner: want 1 to 256 letters, digits, spaces and _.:/=+-@, which do not start with "aws:", got ""`},
		"cost centre malformed":  {func(e *Environment) { e.Tags.CostCentre = "R&D" }, `Tags.CostCentre: want 1 to 256 letters, digits, spaces and _.:/=+-@, which do not start with "aws:", got "R&D"`},
		"data class unknown":     {func(e *Environment) { e.Tags.DataClass = "secret" }, `Tags.DataClass: want one of restricted, synthetic, got "secret"`},
	})
}

func TestHostedZoneMalformed(t *testing.T) {
	env := large()
	env.Site.HostedZone.Name = "wallet.example.com."
	assert.ErrorContains(t, env.Validate(), `production: Site.HostedZone.Name: want a lower-case domain name without a dot at its end, got "wallet.example.com."`)
}

func TestRegionsAndNamesThatAWSLacks(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"region unknown": {func(e *Environment) { e.Primary.Name = "sa-west-9" }, `Primary.Name: want one of sa-east-1, us-east-1, got "sa-west-9"
Primary.Name: want a region whose RDS certificates are in config/cabundle, got "sa-west-9"`},
		"zone elsewhere":      {func(e *Environment) { e.Primary.Zones[2] = "us-east-1c" }, `Primary.Zones: want zones of sa-east-1 (letters a to c), got "us-east-1c"`},
		"zone does not exist": {func(e *Environment) { e.Primary.Zones[2] = "sa-east-1d" }, `Primary.Zones: want zones of sa-east-1 (letters a to c), got "sa-east-1d"`},
		"zone twice":          {func(e *Environment) { e.Primary.Zones[2] = "sa-east-1a" }, `Primary.Zones: want each value once, got "sa-east-1a"`},
		"Grafana in São Paulo": {func(e *Environment) {
			e.Secondary = e.Primary
		}, `Primary.Name: want another region than Secondary.Name, got "sa-east-1"
			Secondary.Name: want "us-east-1", the only region of CloudFront's certificates and web ACLs, which has Managed Grafana besides, got "sa-east-1"`},
		"name with a hyphen": {func(e *Environment) { e.Name = "pre-production" }, `Name: want lower-case letters and digits, a letter first, two or more, got "pre-production"`},
		"name too long": {func(e *Environment) { e.Name = "productionofthewallet" },
			`Name: want a name short enough for the Region switch plan "wallet-productionofthewallet-failover" (at most 32 characters, not 37), got "productionofthewallet"`},
	})
}

func TestTheLongestValidNameFitsEverywhere(t *testing.T) {
	env := large()
	env.Name = strings.Repeat("x", 16)
	assert.NoError(t, env.Validate())
	for _, name := range env.limitedNames() {
		assert.LessOrEqual(t, len(name.value), name.limit, name.what)
	}
}

func TestTooFewZonesInARegion(t *testing.T) {
	env := small()
	env.Primary.Zones = env.Primary.Zones[:2]
	env.Secondary.Zones = env.Secondary.Zones[:1]
	assert.ErrorContains(t, env.Validate(), "staging: Primary.Zones: want at least 3 zones, got [sa-east-1a sa-east-1b]")
	assert.ErrorContains(t, env.Validate(), "staging: Secondary.Zones: want at least 2 zones, got [us-east-1a]")
}

func TestPlatformOutsideBrazilAgainstTheResidencySwitch(t *testing.T) {
	env := small()
	env.Primary.Name = "us-east-1"
	env.DR = DR{Mode: DRNone}
	assert.ErrorContains(t, env.Validate(), `staging: Primary.Name: want "sa-east-1" while DR.AllowDataOutsideBrazil is false, got "us-east-1"`)
}

func TestNetworkThatCannotBeCreatedOrFillsUp(t *testing.T) {
	private := func(block string) string {
		return `Network.CIDR: want a block inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10: AWS refuses some of the others, and the rest are somebody's addresses on the internet, got "` + block + `"`
	}
	const form = "an IPv4 block of /16 to /28 that starts at its first address"
	assertRefused(t, large, map[string]refusal{
		"VPC malformed":             {func(e *Environment) { e.Network.CIDR = "10.0.0.0" }, `Network.CIDR: want ` + form + `, got "10.0.0.0"`},
		"VPC too wide":              {func(e *Environment) { e.Network.CIDR = "10.0.0.0/15" }, `Network.CIDR: want ` + form + `, got "10.0.0.0/15"`},
		"VPC with host bits":        {func(e *Environment) { e.Network.CIDR = "10.0.0.1/16" }, `Network.CIDR: want ` + form + `, got "10.0.0.1/16"`},
		"VPC of loopback":           {func(e *Environment) { renumber(&e.Network, "127.0") }, private("127.0.0.0/16")},
		"VPC of link-local":         {func(e *Environment) { renumber(&e.Network, "169.254") }, private("169.254.0.0/16")},
		"VPC of multicast":          {func(e *Environment) { renumber(&e.Network, "224.0") }, private("224.0.0.0/16")},
		"VPC of nobody":             {func(e *Environment) { renumber(&e.Network, "0.0") }, private("0.0.0.0/16")},
		"VPC of somebody else":      {func(e *Environment) { renumber(&e.Network, "8.8") }, private("8.8.0.0/16")},
		"VPC beside 172.16/12":      {func(e *Environment) { renumber(&e.Network, "172.32") }, private("172.32.0.0/16")},
		"VPC in IPv6":               {func(e *Environment) { e.Network.CIDR = "fd00::/24" }, `Network.CIDR: want ` + form + `, got "fd00::/24"`},
		"subnet malformed":          {func(e *Environment) { e.Network.Public[1] = "10.0.2.0/29" }, `Network.Public[1]: want ` + form + `, got "10.0.2.0/29"`},
		"subnet outside":            {func(e *Environment) { e.Network.Private[0] = "10.9.11.0/24" }, `Network.Private[0]: want a block inside 10.0.0.0/16, got 10.9.11.0/24`},
		"subnets overlap":           {func(e *Environment) { e.Network.Database[0] = "10.0.13.0/25" }, `Network.Database[0]: want a block apart from Network.Private[2] 10.0.13.0/24, got 10.0.13.0/25`},
		"zone without a subnet":     {func(e *Environment) { e.Network.Database = e.Network.Database[:2] }, `Network.Database: want one block for each of the 3 zones, got 2`},
		"no room for load peaks":    {func(e *Environment) { e.Network.Public[0] = "10.0.1.0/28" }, `Network.Public[0]: want a block of at least 32 addresses, got 10.0.1.0/28`},
		"no room for tasks":         {func(e *Environment) { e.Network.Private[0] = "10.0.11.0/27" }, `Network.Private[0]: want a block of at least 41 addresses, got 10.0.11.0/27`},
		"no room for readers":       {func(e *Environment) { e.Network.Database[0] = "10.0.21.0/28" }, `Network.Database[0]: want a block of at least 26 addresses, got 10.0.21.0/28`},
		"NAT in two of three":       {func(e *Environment) { e.Network.NATGateways = 2 }, `Network.NATGateways: want 1, or 3 for one in each zone, got 2`},
		"endpoint unknown":          {func(e *Environment) { e.Network.InterfaceEndpoints = []string{"secretmanager"} }, `Network.InterfaceEndpoints: want a service of endpointServices in config/catalog.go, such as secretsmanager, got "secretmanager"`},
		"endpoint twice":            {func(e *Environment) { e.Network.InterfaceEndpoints = []string{"kms", "kms"} }, `Network.InterfaceEndpoints: want each value once, got "kms"`},
		"flow log retention":        {func(e *Environment) { e.Network.FlowLogRetentionDays = 366 }, `Network.FlowLogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 366`},
		"DR overlaps the primary":   {func(e *Environment) { e.DR.Network = e.Network }, `DR.Network.CIDR: want a block apart from Network.CIDR 10.0.0.0/16, got 10.0.0.0/16`},
		"DR subnet outside its own": {func(e *Environment) { e.DR.Network.Public[0] = "10.0.1.0/24" }, `DR.Network.Public[0]: want a block inside 10.1.0.0/16, got 10.0.1.0/24`},
	})
}

// renumber gives production's network other first two bytes, subnets included.
func renumber(network *Network, bytes string) {
	network.CIDR = strings.Replace(network.CIDR, "10.0", bytes, 1)
	for _, tier := range []*[]string{&network.Public, &network.Private, &network.Database} {
		*tier = slices.Clone(*tier)
		for i := range *tier {
			(*tier)[i] = strings.Replace((*tier)[i], "10.0", bytes, 1)
		}
	}
}

func TestEveryPrivateRangeHoldsANetwork(t *testing.T) {
	for _, bytes := range []string{"10.255", "172.31", "192.168", "100.127"} {
		env := large()
		renumber(&env.Network, bytes)
		assert.NoError(t, env.Validate(), bytes)
	}
}

func TestDatabaseThatAuroraRefuses(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"version off the LTS line": {func(e *Environment) { e.Database.EngineVersion = "3.02.0" }, `Database.EngineVersion: want one of 3.10.0, 3.10.1, 3.10.2, 3.10.3, 3.10.4, got "3.02.0"`},
		"class does not exist":     {func(e *Environment) { e.Database.InstanceType = "r6g.medium" }, `Database.InstanceType: want an Aurora MySQL class offered in sa-east-1, without "db." (families r6g, r6i, r7g, r7i, t4g), got "r6g.medium"`},
		"class not in São Paulo":   {func(e *Environment) { e.Database.InstanceType = "r8g.large" }, `Database.InstanceType: want an Aurora MySQL class offered in sa-east-1, without "db." (families r6g, r6i, r7g, r7i, t4g), got "r8g.large"`},
		"burstable global":         {func(e *Environment) { e.Database.InstanceType = "t4g.large" }, `Database.InstanceType: want a class that is not burstable in a global database, got "t4g.large"`},
		"no reader":                {func(e *Environment) { e.Database.Readers = 0 }, `Database.Readers: want at least 1, got 0`},
		"min over max":             {func(e *Environment) { e.Database.Readers = 15 }, `Database.Readers: want at most Database.MaxReaders, 14, got 15`},
		"max over AWS's":           {func(e *Environment) { e.Database.MaxReaders = 20 }, `Database.MaxReaders: want at most 14 (15 less 1 secondary region), got 20`},
		"reader CPU":               {func(e *Environment) { e.Database.ReaderCPUTargetPercent = 101 }, `Database.ReaderCPUTargetPercent: want 1 to 100, got 101`},
		"storage":                  {func(e *Environment) { e.Database.Storage = "gp3" }, `Database.Storage: want one of aurora, aurora-iopt1, got "gp3"`},
		"connections":              {func(e *Environment) { e.Database.MaxConnections = 16001 }, `Database.MaxConnections: want 1 to 16000, got 16001`},
		"PITR over 35":             {func(e *Environment) { e.Database.BackupRetentionDays = 36 }, `Database.BackupRetentionDays: want 1 to 35, got 36`},
		"backup window malformed":  {func(e *Environment) { e.Database.BackupWindow = "3:00-4:00" }, `Database.BackupWindow: want hh:mm-hh:mm in UTC, 30 minutes or longer, got "3:00-4:00"`},
		"backup window short":      {func(e *Environment) { e.Database.BackupWindow = "03:00-03:29" }, `Database.BackupWindow: want hh:mm-hh:mm in UTC, 30 minutes or longer, got "03:00-03:29"`},
		"maintenance malformed":    {func(e *Environment) { e.Database.MaintenanceWindow = "Sun:04:00-Sun:05:00" }, `Database.MaintenanceWindow: want ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes or longer and at most a day, got "Sun:04:00-Sun:05:00"`},
		"windows overlap":          {func(e *Environment) { e.Database.MaintenanceWindow = "sun:03:30-sun:04:30" }, `Database.MaintenanceWindow: want a time apart from Database.BackupWindow 03:00-04:00, got "sun:03:30-sun:04:30"`},
		"instances until backup":   {func(e *Environment) { e.Database.MaintenanceWindow = "sun:02:30-sun:03:00" }, `Database.MaintenanceWindow: want a time apart from Database.BackupWindow 03:00-04:00, got "sun:02:30-sun:03:00"`},
		"maintenance for two days": {func(e *Environment) { e.Database.MaintenanceWindow = "sat:04:00-mon:03:00" }, `Database.MaintenanceWindow: want ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes or longer and at most a day, got "sat:04:00-mon:03:00"
Database.MaintenanceWindow: want a time apart from Database.BackupWindow 03:00-04:00, got "sat:04:00-mon:03:00"`},
		"insights":                 {func(e *Environment) { e.Database.Insights = "off" }, `Database.Insights: want one of standard, advanced, got "off"`},
		"monitoring":               {func(e *Environment) { e.Database.MonitoringInterval = 20 * time.Second }, `Database.MonitoringInterval: want one of [1 5 10 15 30 60] seconds, got 20s`},
		"every statement slow":     {func(e *Environment) { e.Database.SlowQuery = 0 }, `Database.SlowQuery: want whole milliseconds, 1ms to 1h0m0s, got 0s`},
		"slow in a nanosecond":     {func(e *Environment) { e.Database.SlowQuery = time.Nanosecond }, `Database.SlowQuery: want whole milliseconds, 1ms to 1h0m0s, got 1ns`},
		"slow by fractions":        {func(e *Environment) { e.Database.SlowQuery = 1500 * time.Microsecond }, `Database.SlowQuery: want whole milliseconds, 1ms to 1h0m0s, got 1.5ms`},
		"rotation in a fifth week": {func(e *Environment) { e.Database.AppRotation.Week = 5 }, `Database.AppRotation.Week: want 1 to 4, got 5`},
		"rotation at no hour":      {func(e *Environment) { e.Database.AdminRotation.Hour = -1 }, `Database.AdminRotation.Hour: want 0 to 23, got -1`},
		"rotation past midnight":   {func(e *Environment) { e.Database.AdminRotation = RotationWindow{1, 20, 5} }, `Database.AdminRotation.Hours: want 1 to 4, got 5`},
		"rotations overlap": {func(e *Environment) {
			e.Database.AdminRotation, e.Database.AppRotation = RotationWindow{2, 9, 3}, RotationWindow{2, 11, 1}
		},
			`Database.AppRotation: want a time apart from Database.AdminRotation, with whose password it logs in, got {2 11 1}`},
		"log retention": {func(e *Environment) { e.Database.LogRetentionDays = 0 }, `Database.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 0`},
	})
	assertRefused(t, small, map[string]refusal{
		"max without a secondary": {func(e *Environment) { e.Database.MaxReaders = 16 }, `Database.MaxReaders: want at most 15, got 16`},
	})
}

func TestTheInstancesOfAClusterRestartOneAfterTheOtherAndTheWriterLast(t *testing.T) {
	db := Database{MaintenanceWindow: "mon:23:30-tue:00:30"}
	assert.Equal(t, "mon:23:30-tue:00:00", db.WriterWindow())
	assert.Equal(t, []string{"sun:23:30-mon:00:00", "mon:00:00-mon:00:30"}, []string{db.ReaderWindow(1), db.ReaderWindow(2)})
}

func TestWindowsMeetAcrossMidnightAndTheWeeksEnd(t *testing.T) {
	for _, test := range []struct {
		daily, weekly string
		meet          bool
	}{
		{"23:30-00:30", "sun:23:00-mon:00:00", true},
		{"00:00-01:00", "sun:23:30-mon:00:30", true},
		{"23:30-00:30", "mon:00:00-mon:01:00", true},
		{"03:00-04:00", "sun:04:00-sun:05:00", false},
		{"03:00-04:00", "sun:02:00-sun:03:00", false},
		{"03:00-04:00", "sat:22:00-mon:02:00", true},
	} {
		env := small()
		env.Database.BackupWindow, env.Database.MaintenanceWindow = test.daily, test.weekly
		assert.Equal(t, test.meet, env.Validate() != nil, "%s and %s", test.daily, test.weekly)
	}
}

func TestCacheThatElastiCacheRefuses(t *testing.T) {
	const types = `want a node type offered in sa-east-1, with "cache." (families m6g, m7g, r6g, r7g, t3, t4g)`
	assertRefused(t, large, map[string]refusal{
		"engine":                      {func(e *Environment) { e.Cache.Engine = "memcached" }, `Cache.Engine: want one of redis, valkey, got "memcached"`},
		"version of the other":        {func(e *Environment) { e.Cache.EngineVersion = "8.0" }, `Cache.EngineVersion: want a version of redis (7.0, 7.1), got "8.0"`},
		"the seed's node type":        {func(e *Environment) { e.Cache.NodeType = "cache.r6g.medium" }, `Cache.NodeType: ` + types + `, got "cache.r6g.medium"`},
		"type without prefix":         {func(e *Environment) { e.Cache.NodeType = "r6g.large" }, `Cache.NodeType: ` + types + `, got "r6g.large"`},
		"sources disagree":            {func(e *Environment) { e.Cache.NodeType = "cache.r8g.large" }, `Cache.NodeType: ` + types + `, got "cache.r8g.large"`},
		"replicas":                    {func(e *Environment) { e.Cache.Replicas = 6 }, `Cache.Replicas: want 0 to 5, got 6`},
		"version before its TLS mode": {func(e *Environment) { e.Cache.EngineVersion = "6.2" }, `Cache.EngineVersion: want a version of redis (7.0, 7.1), got "6.2"`},
		"no shard":                    {func(e *Environment) { e.Cache.Shards = 0 }, `Cache.Shards: want 1 to 500, got 0`},
		"snapshots":                   {func(e *Environment) { e.Cache.SnapshotRetentionDays = 36 }, `Cache.SnapshotRetentionDays: want 0 to 35, got 36`},
		"snapshot window short":       {func(e *Environment) { e.Cache.SnapshotWindow = "02:00-02:30" }, `Cache.SnapshotWindow: want hh:mm-hh:mm in UTC, 60 minutes or longer, got "02:00-02:30"`},
		"maintenance short":           {func(e *Environment) { e.Cache.MaintenanceWindow = "sun:05:00-sun:05:30" }, `Cache.MaintenanceWindow: want ddd:hh:mm-ddd:hh:mm in UTC, 60 minutes or longer and at most a day, got "sun:05:00-sun:05:30"`},
		"windows overlap":             {func(e *Environment) { e.Cache.MaintenanceWindow = "sun:02:30-sun:03:30" }, `Cache.MaintenanceWindow: want a time apart from Cache.SnapshotWindow 02:00-03:00, got "sun:02:30-sun:03:30"`},
		"log retention":               {func(e *Environment) { e.Cache.LogRetentionDays = 91 }, `Cache.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 91`},
	})
	assertRefused(t, small, map[string]refusal{
		"shards without cluster mode": {func(e *Environment) { e.Cache.ClusterMode, e.Cache.Shards = false, 2 }, `Cache.Shards: want 1 without Cache.ClusterMode, got 2`},
	})
}

func TestCacheWithMoreNodesThanAnyGroupHas(t *testing.T) {
	env := large()
	env.Cache.Shards = 167
	assert.ErrorContains(t, env.Validate(), "production: Cache.Shards: want at most 500 nodes in all, not 501, got 167")
}

func TestBrokersThatMSKRefuses(t *testing.T) {
	const versions = `want one of 3.8.x, 3.8.x.kraft, 3.9.x, 3.9.x.kraft, 4.0.x.kraft, 4.1.x.kraft`
	assertRefused(t, large, map[string]refusal{
		"version unknown":          {func(e *Environment) { e.Messaging.KafkaVersion = "2.8.1" }, `Messaging.KafkaVersion: ` + versions + `, got "2.8.1"`},
		"version 4 on ZooKeeper":   {func(e *Environment) { e.Messaging.KafkaVersion = "4.0.x" }, `Messaging.KafkaVersion: ` + versions + `, got "4.0.x"`},
		"broker type unknown":      {func(e *Environment) { e.Messaging.BrokerType = "kafka.m6g.large" }, `Messaging.BrokerType: want a broker type offered in sa-east-1, with "kafka." (families m5, m7g, t3), got "kafka.m6g.large"`},
		"broker type unprefixed":   {func(e *Environment) { e.Messaging.BrokerType = "m5.large" }, `Messaging.BrokerType: want a broker type offered in sa-east-1, with "kafka." (families m5, m7g, t3), got "m5.large"`},
		"brokers not a multiple":   {func(e *Environment) { e.Messaging.Brokers = 4 }, `Messaging.Brokers: want a multiple of Messaging.Zones, 3, got 4`},
		"no broker":                {func(e *Environment) { e.Messaging.Brokers = 0 }, "Messaging.Brokers: want a multiple of Messaging.Zones, 3, got 0\nMessaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 0, got 3"},
		"one copy":                 {func(e *Environment) { e.Messaging.ReplicationFactor = 1 }, "Messaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 3, got 1\nMessaging.MinInSyncReplicas: want at least 1 and less than Messaging.ReplicationFactor, 1, got 2"},
		"more copies than broker":  {func(e *Environment) { e.Messaging.ReplicationFactor = 4 }, `Messaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 3, got 4`},
		"every copy needed":        {func(e *Environment) { e.Messaging.MinInSyncReplicas = 3 }, `Messaging.MinInSyncReplicas: want at least 1 and less than Messaging.ReplicationFactor, 3, got 3`},
		"no volume":                {func(e *Environment) { e.Messaging.VolumeGiB = 0 }, `Messaging.VolumeGiB: want 1 to 16384, got 0`},
		"volume min over max":      {func(e *Environment) { e.Messaging.VolumeGiB = 3000 }, `Messaging.MaxVolumeGiB: want 3000 to 16384, got 2000`},
		"volume too large":         {func(e *Environment) { e.Messaging.MaxVolumeGiB = 16385 }, `Messaging.MaxVolumeGiB: want 500 to 16384, got 16385`},
		"volume target":            {func(e *Environment) { e.Messaging.VolumeTargetPercent = 81 }, `Messaging.VolumeTargetPercent: want 10 to 80, got 81`},
		"topic name":               {func(e *Environment) { e.Messaging.Topics[0].Name = "wallet events" }, `Messaging.Topics[0].Name: want 1 to 249 letters, digits, '.', '_' and '-', without Kafka's own prefix "__", got "wallet events"`},
		"topic of Kafka's own":     {func(e *Environment) { e.Messaging.Topics[0].Name = "__consumer_offsets" }, `Messaging.Topics[0].Name: want 1 to 249 letters, digits, '.', '_' and '-', without Kafka's own prefix "__", got "__consumer_offsets"`},
		"topic twice":              {func(e *Environment) { e.Messaging.Topics[1].Name = "wallet-events" }, `Messaging.Topics: want each value once, got "wallet-events"`},
		"partitions":               {func(e *Environment) { e.Messaging.Topics[2].Partitions = 0 }, `Messaging.Topics[2].Partitions: want 1 to 100000, got 0`},
		"partitions that overflow": {func(e *Environment) { e.Messaging.Topics[2].Partitions = math.MaxInt }, "Messaging.Topics[2].Partitions: want 1 to 100000, got 9223372036854775807\nMessaging.Topics: want at most 1000 partition replicas on each kafka.m5.large, got 100049"},
		"topics that Kafka cannot tell apart": {func(e *Environment) {
			e.Messaging.Topics[0].Name, e.Messaging.Topics[1].Name = "wallet.events", "wallet_events"
		},
			`Messaging.Topics: want a name that differs from "wallet.events" in more than "." and "_", got "wallet_events"`},
		"retention of a nanosecond": {func(e *Environment) { e.Messaging.Topics[0].Retention = 1 }, `Messaging.Topics[0].Retention: want whole seconds, 1m0s to 876000h0m0s, got 1ns`},
		"brokers over the quota":    {func(e *Environment) { e.Messaging.Brokers = 63 }, `Messaging.Brokers: want at most 60 with Kafka 3.9.x.kraft, got 63`},
		"cleanup":                   {func(e *Environment) { e.Messaging.Topics[0].Cleanup = "compacted" }, `Messaging.Topics[0].Cleanup: want one of compact, delete, got "compacted"`},
		"retention":                 {func(e *Environment) { e.Messaging.Topics[0].Retention = 0 }, `Messaging.Topics[0].Retention: want whole seconds, 1m0s to 876000h0m0s, got 0s`},
		"too many replicas":         {func(e *Environment) { e.Messaging.Topics[0].Partitions = 953 }, `Messaging.Topics: want at most 1000 partition replicas on each kafka.m5.large, got 1001`},
		"log retention":             {func(e *Environment) { e.Messaging.LogRetentionDays = 2 }, `Messaging.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 2`},
	})
	assertRefused(t, small, map[string]refusal{
		"the seed's single broker": {func(e *Environment) { e.Messaging.Brokers = 1 }, "Messaging.Brokers: want a multiple of Messaging.Zones, 2, got 1\nMessaging.ReplicationFactor: want at least 2 and at most Messaging.Brokers, 1, got 2"},
		"single zone":              {func(e *Environment) { e.Messaging.Zones = 1 }, `Messaging.Zones: want 2 or 3, got 1`},
		"more zones than there are": {func(e *Environment) { e.Messaging.Zones, e.Messaging.Brokers = 4, 4 },
			"Messaging.Zones: want 2 or 3, got 4\nMessaging.Zones: want at most the 3 zones of sa-east-1, got 4"},
		"KRaft on t3":    {func(e *Environment) { e.Messaging.KafkaVersion = "3.9.x.kraft" }, `Messaging.KafkaVersion: want a version with ZooKeeper on kafka.t3.small, such as 3.9.x, got "3.9.x.kraft"`},
		"Kafka 4 on t3":  {func(e *Environment) { e.Messaging.KafkaVersion = "4.1.x.kraft" }, `Messaging.KafkaVersion: want a version with ZooKeeper on kafka.t3.small, such as 3.9.x, got "4.1.x.kraft"`},
		"replicas on t3": {func(e *Environment) { e.Messaging.Topics[0].Partitions = 289 }, `Messaging.Topics: want at most 300 partition replicas on each kafka.t3.small, got 301`},
	})
}

func TestStorageAndBackupsThatCannotKeepTheirPromise(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"backups gone at once":    {func(e *Environment) { e.Storage.BackupRetentionDays = 0 }, "Storage.BackupRetentionDays: want 1 to 36500, got 0\nStorage.BackupColdAfterDays: want 0, or less than Storage.BackupRetentionDays, 0, got 30"},
		"cold after it is gone":   {func(e *Environment) { e.Storage.BackupColdAfterDays = 365 }, `Storage.BackupColdAfterDays: want 0, or less than Storage.BackupRetentionDays, 365, got 365`},
		"cold before it is there": {func(e *Environment) { e.Storage.BackupColdAfterDays = -1 }, `Storage.BackupColdAfterDays: want 0, or less than Storage.BackupRetentionDays, 365, got -1`},
		"logs gone at once":       {func(e *Environment) { e.Storage.LogRetentionDays = 0 }, `Storage.LogRetentionDays: want 1 to 36500, got 0`},
		"no way back":             {func(e *Environment) { e.Storage.NoncurrentDays = 0 }, `Storage.NoncurrentDays: want 1 to 36500, got 0`},
		"hour":                    {func(e *Environment) { e.Backup.StartHourUTC = 24 }, `Backup.StartHourUTC: want 0 to 23, got 24`},
		"lock without a minimum":  {func(e *Environment) { e.Backup.LockMinDays = 0 }, `Backup.LockMinDays: want 1 to 36499, got 0`},
		"lock without an end":     {func(e *Environment) { e.Backup.LockMaxDays = 36501 }, `Backup.LockMaxDays: want 8 to 36500, got 36501`},
		"shorter than the lock":   {func(e *Environment) { e.Backup.RetentionDays = 6 }, `Backup.RetentionDays: want the vault lock's 7 to 365, got 6`},
		"longer than the lock":    {func(e *Environment) { e.Backup.RetentionDays = 366 }, `Backup.RetentionDays: want the vault lock's 7 to 365, got 366`},
		"no time for regret":      {func(e *Environment) { e.Backup.LockGraceDays = 2 }, `Backup.LockGraceDays: want 0, or 3 to 36500, got 2`},
		"export on no day":        {func(e *Environment) { e.Backup.ExportDay = 0 }, `Backup.ExportDay: want 1 to 28, got 0`},
		"export but in February":  {func(e *Environment) { e.Backup.ExportDay = 29 }, `Backup.ExportDay: want 1 to 28, got 29`},
		"windows over a day":      {func(e *Environment) { e.Backup.StartWindow, e.Backup.CompletionWindow = 8*time.Hour, 16*time.Hour }, `Backup.CompletionWindow: want whole hours, more than Backup.StartWindow, 8h0m0s, and with it less than a day, got 16h0m0s`},
		"restore never tested":    {func(e *Environment) { e.Backup.RestoreTestDays = 0 }, `Backup.RestoreTestDays: want 1 to 31, got 0`},
		"uploads for ever":        {func(e *Environment) { e.Storage.IncompleteUploadDays = 0 }, `Storage.IncompleteUploadDays: want 1 to 36500, got 0`},
		"start within minutes":    {func(e *Environment) { e.Backup.StartWindow = 30 * time.Minute }, `Backup.StartWindow: want 1 to 168 whole hours, got 30m0s`},
		"end before the start":    {func(e *Environment) { e.Backup.CompletionWindow = time.Hour }, `Backup.CompletionWindow: want whole hours, more than Backup.StartWindow, 1h0m0s, and with it less than a day, got 1h0m0s`},
		"restore test for ever":   {func(e *Environment) { e.Backup.RestoreTestHold = 169 * time.Hour }, `Backup.RestoreTestHold: want 1 to 168 whole hours, got 169h0m0s`},
	})
}

func TestTasksThatFargateRefuses(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"memory for the CPU":    {func(e *Environment) { e.Service.MemoryMiB = 4096 }, `Service.MemoryMiB: want a Fargate size: 8192 to 30720 MiB in steps of 1024 for CPU 4096, got 4096`},
		"memory off the step":   {func(e *Environment) { e.Service.MemoryMiB = 8200 }, `Service.MemoryMiB: want a Fargate size: 8192 to 30720 MiB in steps of 1024 for CPU 4096, got 8200`},
		"CPU":                   {func(e *Environment) { e.Service.CPU = 3072 }, `Service.MemoryMiB: want a Fargate size: CPU 256, 512, 1024, 2048, 4096, 8192 or 16384, not 3072, got 8192`},
		"architecture":          {func(e *Environment) { e.Service.Architecture = "amd64" }, `Service.Architecture: want one of X86_64, ARM64, got "amd64"`},
		"no task":               {func(e *Environment) { e.Service.MinTasks = 0 }, `Service.MinTasks: want at least 1, got 0`},
		"min over max":          {func(e *Environment) { e.Service.MinTasks = 21 }, `Service.MinTasks: want at most Service.MaxTasks, 20, got 21`},
		"tasks that overflow":   {func(e *Environment) { e.Service.MaxTasks = math.MaxInt }, `Service.MaxTasks: want 1 to 5000, got 9223372036854775807`},
		"CPU target":            {func(e *Environment) { e.Service.CPUTargetPercent = 0 }, `Service.CPUTargetPercent: want 1 to 100, got 0`},
		"memory target":         {func(e *Environment) { e.Service.MemoryTargetPercent = 101 }, `Service.MemoryTargetPercent: want 1 to 100, got 101`},
		"requests":              {func(e *Environment) { e.Service.RequestsPerTaskPerMinute = 0 }, `Service.RequestsPerTaskPerMinute: want at least 1, got 0`},
		"no grace":              {func(e *Environment) { e.Service.StartupGrace = 0 }, `Service.StartupGrace: want whole seconds, 1s to 1h0m0s, got 0s`},
		"stop over two minutes": {func(e *Environment) { e.Service.StopTimeout = 121 * time.Second }, `Service.StopTimeout: want whole seconds, 1s to 2m0s, got 2m1s`},
		"stop by fractions": {func(e *Environment) { e.Service.StopTimeout = 1500 * time.Millisecond }, `Service.StopTimeout: want whole seconds, 1s to 2m0s, got 1.5s
Edge.DeregistrationDelay: want less than Service.StopTimeout, 1.5s, got 1m0s`},
		"out too slowly":             {func(e *Environment) { e.Service.ScaleOutCooldown = time.Hour + time.Second }, `Service.ScaleOutCooldown: want whole seconds, 0s to 1h0m0s, got 1h0m1s`},
		"out before now":             {func(e *Environment) { e.Service.ScaleOutCooldown = -time.Second }, `Service.ScaleOutCooldown: want whole seconds, 0s to 1h0m0s, got -1s`},
		"in too slowly":              {func(e *Environment) { e.Service.ScaleInCooldown = time.Hour + time.Second }, `Service.ScaleInCooldown: want whole seconds, 0s to 1h0m0s, got 1h0m1s`},
		"in by fractions":            {func(e *Environment) { e.Service.ScaleInCooldown = 1500 * time.Millisecond }, `Service.ScaleInCooldown: want whole seconds, 0s to 1h0m0s, got 1.5s`},
		"in before now":              {func(e *Environment) { e.Service.ScaleInCooldown = -time.Second }, `Service.ScaleInCooldown: want whole seconds, 0s to 1h0m0s, got -1s`},
		"no connection":              {func(e *Environment) { e.Service.DatabasePoolSize = 0 }, `Service.DatabasePoolSize: want 1 to 16000, got 0`},
		"no heap":                    {func(e *Environment) { e.Service.HeapPercent = 0 }, `Service.HeapPercent: want 1 to 90, got 0`},
		"heap takes all":             {func(e *Environment) { e.Service.HeapPercent = 91 }, `Service.HeapPercent: want 1 to 90, got 91`},
		"sample ratio":               {func(e *Environment) { e.Service.TraceSampleRatio = 5 }, `Service.TraceSampleRatio: want 0 to 1, got 5`},
		"collector that moves":       {func(e *Environment) { e.Service.CollectorImage = "public.ecr.aws/a/b:latest" }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "public.ecr.aws/a/b:latest"`},
		"collector without digest":   {func(e *Environment) { e.Service.CollectorImage = "public.ecr.aws/a/b:v1" }, `Service.CollectorImage: want an image with its registry and digest, as in REGISTRY/NAME:TAG@sha256:DIGEST (the tag may be left out), got "public.ecr.aws/a/b:v1"`},
		"collector takes CPU":        {func(e *Environment) { e.Service.CollectorCPU = 4096 }, `Service.CollectorCPU: want more than 0 and less than Service.CPU, 4096, got 4096`},
		"collector takes all":        {func(e *Environment) { e.Service.CollectorMemoryMiB = 8192 }, `Service.CollectorMemoryMiB: want at least 6, and as much less than Service.MemoryMiB, 8192, got 8192`},
		"collector that ECS refuses": {func(e *Environment) { e.Service.CollectorMemoryMiB = 5 }, `Service.CollectorMemoryMiB: want at least 6, and as much less than Service.MemoryMiB, 8192, got 5`},
		"service that ECS refuses":   {func(e *Environment) { e.Service.CollectorMemoryMiB = 8187 }, `Service.CollectorMemoryMiB: want at least 6, and as much less than Service.MemoryMiB, 8192, got 8187`},
		"log retention":              {func(e *Environment) { e.Service.LogRetentionDays = 4 }, `Service.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 4`},
	})
}

func TestACollectorIsNamedByItsDigestWithOrWithoutATag(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for _, image := range []string{"public.ecr.aws/a/b@" + digest, "public.ecr.aws/a/b:v1@" + digest, "localhost:5000/b@" + digest} {
		env := large()
		env.Service.CollectorImage = image
		assert.NoError(t, env.Validate(), image)
		assert.Equal(t, digest, env.Service.CollectorDigest(), image)
	}
}

func TestPoolsThatTheDatabaseCannotHoldInTheMiddleOfADeployment(t *testing.T) {
	const want = `Service.DatabasePoolSize: want small enough that twice Service.MaxTasks with it and 4 more each, a migration and 200 in reserve, fit into Database.MaxConnections, `
	assertRefused(t, large, map[string]refusal{
		// 2 x 20 tasks x (41 + 2 x 2), two of a migration and 200 are 2,002.
		"pools too large":  {func(e *Environment) { e.Service.DatabasePoolSize = 41 }, want + `2000, got 41`},
		"too many tasks":   {func(e *Environment) { e.Service.MaxTasks = 21 }, want + `2000, got 40`},
		"server too small": {func(e *Environment) { e.Database.MaxConnections = 1961 }, want + `1961, got 40`},
	})
	exact := large()
	exact.Database.MaxConnections = 1962
	assert.NoError(t, exact.Validate())
}

func TestRegistryThatCutsAPushThatIsUnderWay(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"untagged at once": {func(e *Environment) { e.Registry.UntaggedDays = 0 }, `Registry.UntaggedDays: want 1 to 36500, got 0`},
	})
}

func TestFargateSizesOfAWSAndNoOthers(t *testing.T) {
	for _, size := range [][2]int{{256, 512}, {256, 2048}, {512, 4096}, {1024, 2048}, {2048, 16384}, {4096, 30720}, {8192, 61440}, {16384, 122880}} {
		assert.True(t, fargateOffers(size[0], size[1]), "%v", size)
	}
	for _, size := range [][2]int{{256, 1536}, {256, 4096}, {512, 512}, {1024, 1024}, {2048, 17408}, {8192, 17408}, {16384, 36864}, {32768, 65536}} {
		assert.False(t, fargateOffers(size[0], size[1]), "%v", size)
	}
	assert.Equal(t, "one of [512 1024 2048] MiB for CPU 256", fargateSizes(256))
}

func TestEdgeThatExposesOrRefusesTooMuch(t *testing.T) {
	const reach = `want a pattern that reaches none of /q, /q/*, /metrics, /metrics/*`
	assertRefused(t, large, map[string]refusal{
		"no path":             {func(e *Environment) { e.Edge.PublicPaths = nil }, `Edge.PublicPaths: want 1 to 5 patterns, got 0`},
		"paths over a rule":   {func(e *Environment) { e.Edge.PublicPaths = []string{"/a", "/b", "/c", "/d", "/e", "/f"} }, `Edge.PublicPaths: want 1 to 5 patterns, got 6`},
		"path malformed":      {func(e *Environment) { e.Edge.PublicPaths = []string{"api"} }, `Edge.PublicPaths: want a path pattern of a load balancer: "/" first, 128 characters at most, got "api"`},
		"path twice":          {func(e *Environment) { e.Edge.PublicPaths = []string{"/a", "/a"} }, `Edge.PublicPaths: want each value once, got "/a"`},
		"too many wildcards":  {func(e *Environment) { e.Edge.PublicPaths = []string{"/a/*?*?*?*"} }, `Edge.PublicPaths: want at most 6 wildcards in all, got 7`},
		"everything":          {func(e *Environment) { e.Edge.PublicPaths = []string{"/*"} }, `Edge.PublicPaths: ` + reach + `, got "/*"`},
		"metrics":             {func(e *Environment) { e.Edge.PublicPaths = []string{"/metrics"} }, `Edge.PublicPaths: ` + reach + `, got "/metrics"`},
		"health by wildcard":  {func(e *Environment) { e.Edge.PublicPaths = []string{"/?/health"} }, `Edge.PublicPaths: ` + reach + `, got "/?/health"`},
		"session limit":       {func(e *Environment) { e.Edge.Firewall.SessionRequests = 9 }, `Edge.Firewall.SessionRequests: want 10 to 2000000000, got 9`},
		"address limit":       {func(e *Environment) { e.Edge.Firewall.AddressRequests = 1999 }, `Edge.Firewall.AddressRequests: want 2000 to 2000000000, got 1999`},
		"static limit":        {func(e *Environment) { e.Edge.Firewall.StaticRequests = 2_000_000_001 }, `Edge.Firewall.StaticRequests: want 10 to 2000000000, got 2000000001`},
		"a rule without mode": {func(e *Environment) { e.Edge.Firewall.Modes.Common = "" }, `Edge.Firewall.Modes.Common: want one of count, block, got ""`},
		"desync":              {func(e *Environment) { e.Edge.Desync = "off" }, `Edge.Desync: want one of monitor, defensive, strictest, got "off"`},
		"deregistration": {func(e *Environment) { e.Edge.DeregistrationDelay = 2 * time.Hour }, `Edge.DeregistrationDelay: want whole seconds, 0s to 1h0m0s, got 2h0m0s
Edge.DeregistrationDelay: want less than Service.StopTimeout, 1m30s, got 2h0m0s`},
		"slow start too short":    {func(e *Environment) { e.Edge.SlowStart = 29 * time.Second }, `Edge.SlowStart: want 0s, or whole seconds, 30s to 900s, got 29s`},
		"slow start by fractions": {func(e *Environment) { e.Edge.SlowStart = 30500 * time.Millisecond }, `Edge.SlowStart: want 0s, or whole seconds, 30s to 900s, got 30.5s`},
		"slow start too long":     {func(e *Environment) { e.Edge.SlowStart = 901 * time.Second }, `Edge.SlowStart: want 0s, or whole seconds, 30s to 900s, got 15m1s`},
		"idle":                    {func(e *Environment) { e.Edge.IdleTimeout = 0 }, `Edge.IdleTimeout: want whole seconds, 1s to 1h6m40s, got 0s`},
		"log retention":           {func(e *Environment) { e.Edge.LogRetentionDays = 6 }, `Edge.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 6`},
		"price class":             {func(e *Environment) { e.Edge.PriceClass = "PriceClass_300" }, `Edge.PriceClass: want one of PriceClass_100, PriceClass_200, PriceClass_All, got "PriceClass_300"`},
	})
	assert.False(t, patternsMeet("/qr/*", "/q/*"), "a path that only begins like a management path is public")
}

func TestHealthChecksThatALoadBalancerRefuses(t *testing.T) {
	health := func(e *Environment) *HealthCheck { return &e.Edge.Health }
	assertRefused(t, large, map[string]refusal{
		"too often": {func(e *Environment) { *health(e) = HealthCheck{4 * time.Second, 2 * time.Second, 2, 5} },
			`Edge.Health.Interval: want whole seconds, 5s to 5m0s, got 4s`},
		"too rarely": {func(e *Environment) { health(e).Interval = 301 * time.Second }, `Edge.Health.Interval: want whole seconds, 5s to 5m0s, got 5m1s`},
		"no time":    {func(e *Environment) { health(e).Timeout = time.Second }, `Edge.Health.Timeout: want whole seconds, 2s to 2m0s, got 1s`},
		"too patient": {func(e *Environment) { *health(e) = HealthCheck{200 * time.Second, 121 * time.Second, 2, 5} },
			`Edge.Health.Timeout: want whole seconds, 2s to 2m0s, got 2m1s`},
		"over the interval": {func(e *Environment) { health(e).Timeout = 10 * time.Second }, `Edge.Health.Timeout: want less than Edge.Health.Interval, 10s, got 10s`},
		"healthy at once":   {func(e *Environment) { health(e).Healthy = 1 }, `Edge.Health.Healthy: want 2 to 10, got 1`},
		"never healthy":     {func(e *Environment) { health(e).Healthy = 11 }, `Edge.Health.Healthy: want 2 to 10, got 11`},
		"unhealthy at once": {func(e *Environment) { health(e).Unhealthy = 1 }, `Edge.Health.Unhealthy: want 2 to 10, got 1`},
		"never unhealthy":   {func(e *Environment) { health(e).Unhealthy = 11 }, `Edge.Health.Unhealthy: want 2 to 10, got 11`},
	})
	quiet := large()
	quiet.Edge.SlowStart = 0
	assert.NoError(t, quiet.Validate(), "slow start can be off")
}

func TestObservabilityThatSeesNothing(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"latency":            {func(e *Environment) { e.Observability.LatencyTarget = 0 }, `Observability.LatencyTarget: want whole milliseconds, 1ms to 1m0s, got 0s`},
		"tail under P95":     {func(e *Environment) { e.Observability.TailLatencyTarget = time.Millisecond }, `Observability.TailLatencyTarget: want whole milliseconds, 100ms to 1m0s, got 1ms`},
		"tail never crossed": {func(e *Environment) { e.Observability.TailLatencyTarget = 61 * time.Second }, `Observability.TailLatencyTarget: want whole milliseconds, 100ms to 1m0s, got 1m1s`},
		"log retention":      {func(e *Environment) { e.Observability.LogRetentionDays = 91 }, `Observability.LogRetentionDays: want a retention of CloudWatch Logs (1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653), got 91`},
		"errors":             {func(e *Environment) { e.Observability.ErrorRatePercent = 0 }, `Observability.ErrorRatePercent: want more than 0, at most 100, got 0`},
		"blocks":             {func(e *Environment) { e.Observability.WAFBlocksPerMinute = 0 }, `Observability.WAFBlocksPerMinute: want at least 1, got 0`},
		"lag":                {func(e *Environment) { e.Observability.ConsumerLagRecords = 0 }, `Observability.ConsumerLagRecords: want at least 1, got 0`},
		"metric retention":   {func(e *Environment) { e.Observability.MetricRetentionDays = 1096 }, `Observability.MetricRetentionDays: want 1 to 1095, got 1096`},
		"Grafana 11":         {func(e *Environment) { e.Observability.GrafanaVersion = "11.2" }, `Observability.GrafanaVersion: want a version of Managed Grafana, such as 10.4 (9, 10, 12, 13 are documented), got "11.2"`},
		"Grafana's patch":    {func(e *Environment) { e.Observability.GrafanaVersion = "10.4.1" }, `Observability.GrafanaVersion: want a version of Managed Grafana, such as 10.4 (9, 10, 12, 13 are documented), got "10.4.1"`},
		"scrapes too often":  {func(e *Environment) { e.Observability.ScrapeInterval = 15 * time.Second }, `Observability.ScrapeInterval: want whole seconds, 30s to 5m0s, got 15s`},
	})
}

func TestThresholdsThatAreNeverOrAlwaysCrossed(t *testing.T) {
	limits := func(e *Environment) *Limits { return &e.Observability.Limits }
	assertRefused(t, large, map[string]refusal{
		"database CPU":        {func(e *Environment) { limits(e).DatabaseCPUPercent = 100 }, `Observability.Limits.DatabaseCPUPercent: want 1 to 99, got 100`},
		"connections":         {func(e *Environment) { limits(e).ConnectionsPercent = 0 }, `Observability.Limits.ConnectionsPercent: want 1 to 99, got 0`},
		"lag of a nanosecond": {func(e *Environment) { limits(e).ReplicaLag = 1 }, `Observability.Limits.ReplicaLag: want whole milliseconds, 1ms to 1h0m0s, got 1ns`},
		"replica lag":         {func(e *Environment) { limits(e).ReplicaLag = 0 }, `Observability.Limits.ReplicaLag: want whole milliseconds, 1ms to 1h0m0s, got 0s`},
		"deadlocks":           {func(e *Environment) { limits(e).DeadlocksPerMinute = 0 }, `Observability.Limits.DeadlocksPerMinute: want at least 1, got 0`},
		"free memory":         {func(e *Environment) { limits(e).FreeMemoryPercent = 0 }, `Observability.Limits.FreeMemoryPercent: want 1 to 24, got 0`},
		// The buffer pool has the other three quarters.
		"memory that Aurora never frees": {func(e *Environment) { limits(e).FreeMemoryPercent = 25 }, `Observability.Limits.FreeMemoryPercent: want 1 to 24, got 25`},
		"cache CPU":                      {func(e *Environment) { limits(e).CacheCPUPercent = 0 }, `Observability.Limits.CacheCPUPercent: want 1 to 99, got 0`},
		"cache memory":                   {func(e *Environment) { limits(e).CacheMemoryPercent = 100 }, `Observability.Limits.CacheMemoryPercent: want 1 to 99, got 100`},
		"evictions":                      {func(e *Environment) { limits(e).EvictionsPerMinute = 0 }, `Observability.Limits.EvictionsPerMinute: want at least 1, got 0`},
		"disk grows":                     {func(e *Environment) { limits(e).KafkaDiskPercent = 60 }, `Observability.Limits.KafkaDiskPercent: want more than Messaging.VolumeTargetPercent, 60, and less than 100, got 60`},
		"certificate":                    {func(e *Environment) { limits(e).CertificateDays = 60 }, `Observability.Limits.CertificateDays: want 1 to 59, got 60`},
	})
}

func TestDRThatTheResidencySwitchOrAWSForbids(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"mode unknown": {func(e *Environment) { e.DR.Mode = "active" }, `DR.Mode: want one of none, backup, standby, got "active"`},
		"data must stay": {func(e *Environment) { e.DR.AllowDataOutsideBrazil = false },
			`DR.Mode: want "none" while DR.AllowDataOutsideBrazil is false: give up the copies, or allow the transfer once it has a legal basis, got "standby"`},
		"suffix of a restored cluster": {func(e *Environment) { e.DR.ClusterSuffix = "-restored" }, `DR.ClusterSuffix: want another end than that of a restored cluster, whose place the standby would take, got "-restored"`},
		"suffix":                       {func(e *Environment) { e.DR.ClusterSuffix = "2" }, `DR.ClusterSuffix: want nothing, or a hyphen and 1 to 8 lower-case letters and digits, such as "-b", got "2"`},
		"class unknown":                {func(e *Environment) { e.DR.InstanceType = "" }, `DR.InstanceType: want an Aurora MySQL class offered in us-east-1, without "db." (families r6g, r6i, r7g, r7i, r8g, t4g), got ""`},
		"class burstable":              {func(e *Environment) { e.DR.InstanceType = "t4g.large" }, "DR.InstanceType: want a class that is not burstable in a global database, got \"t4g.large\"\nDR.InstanceType: want a class of at least the 65536 MiB of Database.InstanceType, r6g.2xlarge, got \"t4g.large\""},
		"class too small for the load": {func(e *Environment) { e.DR.InstanceType = "r6g.xlarge" }, `DR.InstanceType: want a class of at least the 65536 MiB of Database.InstanceType, r6g.2xlarge, got "r6g.xlarge"`},
		"nobody to take over":          {func(e *Environment) { e.DR.Readers = 0 }, `DR.Readers: want 1 to 16, got 0`},
		"alarm too late":               {func(e *Environment) { e.DR.ReplicationLag = 6 * time.Minute }, `DR.ReplicationLag: want whole seconds, 20s to 2m30s, got 6m0s`},
		"alarm on noise":               {func(e *Environment) { e.DR.ReplicationLag = time.Second }, `DR.ReplicationLag: want whole seconds, 20s to 2m30s, got 1s`},
	})
	assertRefused(t, small, map[string]refusal{
		"data must stay": {func(e *Environment) { e.DR.AllowDataOutsideBrazil = false },
			`DR.Mode: want "none" while DR.AllowDataOutsideBrazil is false: give up the copies, or allow the transfer once it has a legal basis, got "backup"`},
	})
	env := small()
	env.DR = DR{Mode: DRNone}
	assert.NoError(t, env.Validate(), "an environment that keeps everything in Brazil")
}

func TestARecoveryThatCannotKeepItsPromise(t *testing.T) {
	assertRefused(t, large, map[string]refusal{
		"promise of more than the seed's time": {func(e *Environment) { e.DR.Recovery.TimeObjective = 31 * time.Minute },
			`DR.Recovery.TimeObjective: want whole minutes, 1m0s to 30m0s, got 31m0s`},
		"promise of more than the seed's loss": {func(e *Environment) { e.DR.Recovery.PointObjective = 6 * time.Minute },
			`DR.Recovery.PointObjective: want whole minutes, 1m0s to 5m0s, got 6m0s`},
		"alarm after half of the promise": {func(e *Environment) { e.DR.Recovery.PointObjective = time.Minute },
			`DR.ReplicationLag: want whole seconds, 20s to 30s, got 1m0s`},
		"no minute of lag": {func(e *Environment) { e.DR.LagMinutes = 0 }, `DR.LagMinutes: want 1 to 5, got 0`},
		"alarm when the promise is broken": {func(e *Environment) { e.DR.LagMinutes = 3 },
			`DR.LagMinutes: want an alarm before DR.Recovery.PointObjective, 5m0s, is lost: by now it comes at 5m0s, got 3`},
		"events": {func(e *Environment) { e.DR.EventLag = 0 }, `DR.EventLag: want whole seconds, 20s to 1h0m0s, got 0s`},
		"probe that Route 53 does not make": {func(e *Environment) { e.DR.Recovery.Probe.Interval = time.Minute },
			`DR.Recovery.Probe.Interval: want 10s or 30s, got 1m0s`},
		"probe that never fails":   {func(e *Environment) { e.DR.Recovery.Probe.Failures = 0 }, `DR.Recovery.Probe.Failures: want 1 to 10, got 0`},
		"alarm that never comes":   {func(e *Environment) { e.DR.Recovery.Probe.Minutes = 0 }, `DR.Recovery.Probe.Minutes: want 1 to 10, got 0`},
		"nobody decides":           {func(e *Environment) { e.DR.Recovery.Decision = 0 }, `DR.Recovery.Decision: want whole minutes, 1m0s to 30m0s, got 0s`},
		"half a minute":            {func(e *Environment) { e.DR.Recovery.Approval = 90 * time.Second }, `DR.Recovery.Approval: want whole minutes, 1m0s to 30m0s, got 1m30s`},
		"database at once":         {func(e *Environment) { e.DR.Recovery.Database = 0 }, `DR.Recovery.Database: want whole minutes, 1m0s to 30m0s, got 0s`},
		"tasks at once":            {func(e *Environment) { e.DR.Recovery.Scaling = 0 }, `DR.Recovery.Scaling: want whole minutes, 1m0s to 30m0s, got 0s`},
		"traffic at once":          {func(e *Environment) { e.DR.Recovery.Traffic = 0 }, `DR.Recovery.Traffic: want whole minutes, 1m0s to 30m0s, got 0s`},
		"resolvers in the past":    {func(e *Environment) { e.DR.Recovery.Resolvers = -time.Second }, `DR.Recovery.Resolvers: want whole seconds, 0s to 30m0s, got -1s`},
		"no task waits":            {func(e *Environment) { e.DR.MinTasks = 0 }, `DR.MinTasks: want 1 to 20, got 0`},
		"more wait than may run":   {func(e *Environment) { e.DR.MinTasks = 21 }, `DR.MinTasks: want 1 to 20, got 21`},
		"a third region serves":    {func(e *Environment) { e.DR.ActiveRegion = "us-west-2" }, `DR.ActiveRegion: want one of sa-east-1, us-east-1, got "us-west-2"`},
		"zones for the brokers":    {func(e *Environment) { e.Secondary.Zones = e.Secondary.Zones[:2]; shrink(&e.DR.Network, 2) }, `Secondary.Zones: want at least Messaging.Zones, 3, got [us-east-1a us-east-1b]`},
		"a way that is too long":   {func(e *Environment) { e.DR.Recovery.Scaling = 13 * time.Minute }, `DR.Recovery: want phases that sum to DR.Recovery.TimeObjective, 30m0s, at most, got 30m30s`},
		"the longer of two counts": {func(e *Environment) { e.DR.Recovery.Database = 13 * time.Minute }, `DR.Recovery: want phases that sum to DR.Recovery.TimeObjective, 30m0s, at most, got 30m30s`},
	})
}

// shrink leaves a network with the first few zones.
func shrink(network *Network, zones int) {
	network.Public, network.Private, network.Database = network.Public[:zones], network.Private[:zones], network.Database[:zones]
	network.NATGateways = zones
}

// The source of a replicator gets its connectivity after it exists, and the
// replicator its source's names after that: each phase needs the one before.
func TestTheReplicatorIsRolledOutInItsOrder(t *testing.T) {
	const arn = "arn:aws:kafka:sa-east-1:222222222222:cluster/wallet-production/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f-7"
	source := KafkaSource{ARN: arn, Subnets: []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1", "subnet-0123456789abcdef2"}}
	running := func(change func(e *Environment)) func(e *Environment) {
		return func(e *Environment) {
			e.Messaging.Replication, e.Site.KafkaSource = ReplicationRunning, source
			e.Site.KafkaSource.Subnets = append([]string{}, source.Subnets...)
			change(e)
		}
	}
	assertRefused(t, large, map[string]refusal{
		"phase unknown": {func(e *Environment) { e.Messaging.Replication = "on" }, `Messaging.Replication: want one of none, prepared, running, got "on"`},
		"source unknown": {func(e *Environment) { e.Messaging.Replication = ReplicationRunning },
			"Site.KafkaSource.ARN: want the output KafkaClusterArn of the stack wallet-production-messaging, got \"\"\nSite.KafkaSource.Subnets: want the 3 subnets of the output KafkaSubnets of the stack wallet-production-messaging, got []"},
		"source elsewhere": {running(func(e *Environment) { e.Site.KafkaSource.ARN = strings.Replace(arn, "sa-east-1", "us-east-1", 1) }),
			`Site.KafkaSource.ARN: want the output KafkaClusterArn of the stack wallet-production-messaging, got "` + strings.Replace(arn, "sa-east-1", "us-east-1", 1) + `"`},
		"subnet malformed": {running(func(e *Environment) { e.Site.KafkaSource.Subnets[0] = "10.0.21.0/24" }),
			`Site.KafkaSource.Subnets: want the ID of a subnet, such as subnet-0123456789abcdef0, got "10.0.21.0/24"`},
		"subnet twice": {running(func(e *Environment) { e.Site.KafkaSource.Subnets[0] = e.Site.KafkaSource.Subnets[1] }),
			`Site.KafkaSource.Subnets: want each value once, got "subnet-0123456789abcdef1"`},
		"prepared before the cluster": {func(e *Environment) { e.Messaging.Replication = ReplicationPrepared },
			"Site.KafkaSource.ARN: want the output KafkaClusterArn of the stack wallet-production-messaging, got \"\"\nSite.KafkaSource.Subnets: want the 3 subnets of the output KafkaSubnets of the stack wallet-production-messaging, got []"},
	})
	assertRefused(t, large, map[string]refusal{
		"brokers that cannot": {running(func(e *Environment) {
			e.Messaging.Replication, e.Messaging.BrokerType, e.Messaging.KafkaVersion = ReplicationPrepared, "kafka.t3.small", "3.9.x"
		}),
			"Messaging.Replication: want \"none\" with brokers in fewer than 3 zones or on kafka.t3.small, which MSK does not replicate, got \"prepared\""},
	})
	env := large()
	running(func(*Environment) {})(&env)
	assert.NoError(t, env.Validate())
	assert.Equal(t, ReplicationRunning, env.Replication())
	for _, committed := range All() {
		assert.Equal(t, ReplicationNone, committed.Messaging.Replication, "%s: a new account must be able to deploy the committed phase", committed.Name)
	}
}

func TestEveryProblemIsReportedAtOnceAndInOrder(t *testing.T) {
	env := large()
	env.DR.ReplicationLag = 0
	env.Service.MinTasks = 30
	env.Site.Account = "1"
	env.Database.MaxReaders = 20
	const want = `production: Site.Account: want 12 digits, got "1"
production: Database.MaxReaders: want at most 14 (15 less 1 secondary region), got 20
production: Service.MinTasks: want at most Service.MaxTasks, 20, got 30
production: DR.ReplicationLag: want whole seconds, 20s to 2m30s, got 0s`
	assert.EqualError(t, env.Validate(), want)
}

func TestAnEmptyEnvironmentIsRefusedWithoutACrash(t *testing.T) {
	assert.ErrorContains(t, Environment{}.Validate(), `(unnamed): Name: want lower-case letters and digits, a letter first, two or more, got ""`)
}

func TestEnvironmentsThatCannotStandTogether(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(later *Environment)
		want  string
	}{
		"name":          {func(e *Environment) { e.Name = "staging" }, `staging: Name: want a name that no other environment has, got "staging"`},
		"network":       {func(e *Environment) { e.Network.CIDR = "10.10.128.0/17" }, `production: Network.CIDR: want a block apart from staging's Network.CIDR 10.10.0.0/16, got "10.10.128.0/17"`},
		"DR network":    {func(e *Environment) { e.DR.Network.CIDR = "10.10.0.0/16" }, `production: DR.Network.CIDR: want a block apart from staging's Network.CIDR 10.10.0.0/16, got "10.10.0.0/16"`},
		"API domain":    {func(e *Environment) { e.Site.APIDomain = "api.staging.wallet.example.com" }, `production: Site.APIDomain: want a host name that staging does not use, got "api.staging.wallet.example.com"`},
		"static domain": {func(e *Environment) { e.Site.StaticDomain = "api.staging.wallet.example.com" }, `production: Site.StaticDomain: want a host name that staging does not use, got "api.staging.wallet.example.com"`},
	} {
		t.Run(name, func(t *testing.T) {
			all := []Environment{small(), large()}
			test.spoil(&all[1])
			assert.EqualError(t, validateTogether(all), test.want)
		})
	}
	standbys := []Environment{large(), large()}
	standbys[1].Name, standbys[1].Network.CIDR, standbys[1].DR.Network.CIDR = "second", "10.2.0.0/16", "10.3.0.0/16"
	standbys[1].Site.APIDomain, standbys[1].Site.StaticDomain = "api2.wallet.example.com", "static2.wallet.example.com"
	assert.EqualError(t, validateTogether(standbys),
		`second: DR.Mode: want at most one environment of an account in "standby", because ECR replicates by account, and production is one, got "standby"`)
	standbys[1].Site.Account = "333333333333"
	assert.NoError(t, validateTogether(standbys), "two standbys, each in its account")
	standbys[1].Site.APIDomain = "us-east-1.api.wallet.example.com"
	assert.ErrorContains(t, validateTogether(standbys), `second: Site.APIDomain: want a host name that production does not use, got "us-east-1.api.wallet.example.com"`)
	shared := large()
	shared.Site.Account = small().Site.Account
	assert.NoError(t, validateTogether([]Environment{small(), shared}), "two environments in one account")
	shared.Site.GitHub.SharedProvider = true
	assert.EqualError(t, validateTogether([]Environment{small(), shared}),
		`production: Site.GitHub.SharedProvider: want what staging says of the account that they share, got true`)
}
