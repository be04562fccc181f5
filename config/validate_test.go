package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

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
	standbys[0].Protected, standbys[1].Protected = false, false
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
	alone := `: Site.Account: want an account that %s is not in: a protected environment is alone in its account, got "111111111111"`
	assert.EqualError(t, validateTogether([]Environment{small(), shared}), "production"+fmt.Sprintf(alone, "staging"))
	assert.EqualError(t, validateTogether([]Environment{shared, small()}), "staging"+fmt.Sprintf(alone, "production"))
	shared.Protected = false
	assert.NoError(t, validateTogether([]Environment{small(), shared}), "two environments in one account")
	shared.Site.GitHub.SharedProvider = true
	assert.EqualError(t, validateTogether([]Environment{small(), shared}),
		`production: Site.GitHub.SharedProvider: want what staging says of the account that they share, got true`)
}
