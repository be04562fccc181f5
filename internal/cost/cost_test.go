package cost

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// stackOf is a stack of one resource in a region.
func stackOf(region string, r cfn.Resource) []cfn.Stack {
	return []cfn.Stack{{ID: "Test/Stack", Region: region, Template: cfn.Template{
		Resources: map[string]cfn.Resource{"It": r},
	}}}
}

func TestAPriceThatIsMissingIsNoZero(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	_, err = Calculate(stackOf("eu-west-1", cfn.Resource{Type: "AWS::EC2::NatGateway"}), prices)
	assert.EqualError(t, err, "Test/Stack, It: prices.json: no price of NAT Gateway, gateway in eu-west-1")
}

func TestWhatCannotBeReadIsNoZero(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	_, err = Calculate(stackOf("sa-east-1", cfn.Resource{Type: "AWS::MSK::Cluster"}), prices)
	assert.ErrorContains(t, err, "want a number")
}

func TestReplicasOfSecretsAndMetricsOfAlarmsArePaid(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	for name, priced := range map[string]struct {
		resource cfn.Resource
		usd      float64
	}{
		"secret": {cfn.Resource{Type: "AWS::SecretsManager::Secret"}, 0.40},
		"replicated secret": {cfn.Resource{Type: "AWS::SecretsManager::Secret", Properties: map[string]any{
			"ReplicaRegions": []any{map[string]any{}},
		}}, 0.80},
		"alarm on two metrics": {cfn.Resource{Type: "AWS::CloudWatch::Alarm", Properties: map[string]any{
			"Metrics": []any{
				map[string]any{"Expression": "a/b"},
				map[string]any{"MetricStat": map[string]any{}}, map[string]any{"MetricStat": map[string]any{}},
			},
		}}, 0.27},
	} {
		t.Run(name, func(t *testing.T) {
			bill, err := Calculate(stackOf("sa-east-1", priced.resource), prices)
			require.NoError(t, err)
			require.Len(t, bill.Lines, 1)
			assert.InDelta(t, priced.usd, bill.Lines[0].Low, 0.001)
		})
	}
}

func TestDoubtfulPricesAreNamed(t *testing.T) {
	prices, err := LoadPrices()
	require.NoError(t, err)
	sure, err := Report(stackOf("sa-east-1", cfn.Resource{Type: "AWS::KMS::Key"}), prices)
	require.NoError(t, err)
	assert.Contains(t, sure, "Every price behind these figures is of high confidence.")
	doubtful, err := Report(stackOf("sa-east-1", cfn.Resource{Type: "AWS::RDS::DBInstance", Properties: map[string]any{
		"DBInstanceClass": "db.r6g.large",
	}}), prices)
	require.NoError(t, err)
	assert.Contains(t, doubtful, "- Aurora MySQL, db.r6g.large on-demand, Standard, sa-east-1: 0.537 USD for each instance-hour")
}
