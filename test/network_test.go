package test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEveryTierHasASubnetInEveryZoneWrittenDown(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		zones := map[string]int{}
		for _, subnet := range env.stack(t, "network").ofType("AWS::EC2::Subnet") {
			zones[subnet.Properties["AvailabilityZone"].(string)]++
		}
		want := map[string]int{}
		for _, zone := range env.Primary.Zones {
			want[zone] = 3
		}
		assert.Equal(t, want, zones)
	})
}
