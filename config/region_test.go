package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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
