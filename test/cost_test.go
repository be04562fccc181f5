package test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/cost"
	"wallet-infra/stacks"
)

// priced is what the synthesized templates cost.
func priced(t *testing.T) ([]cfn.Stack, cost.Bill) {
	t.Helper()
	built, err := cfn.Read(outdir(t))
	require.NoError(t, err)
	prices, err := cost.LoadPrices()
	require.NoError(t, err)
	bill, err := cost.Calculate(built, prices)
	require.NoError(t, err, "something in the templates has no price")
	return built, bill
}

// The sizes of the seed at the list prices of prices.json, by hand and not by the
// program: a month has 730 hours.
func TestTheSeedsSizesCostWhatAPersonCalculates(t *testing.T) {
	type bounds struct{ low, high float64 }
	same := func(month float64) bounds { return bounds{month, month} }
	want := map[string]bounds{
		// 6 to 20 tasks of (4 x 0.0696 + 8 x 0.0076) x 730 = 247.616
		"Production sa-east-1 Compute": {1485.696, 4952.32},
		// 3 x 2.149 x 730 + 1000 x 0.19, and 12 readers more
		"Production sa-east-1 Database": {4896.31, 4896.31 + 12*1568.77},
		// 3 x 0.41 x 730
		"Production sa-east-1 Cache": same(897.9),
		// 3 x (0.335 x 730 + 500 x 0.19), and 3 x 1500 x 0.19
		"Production sa-east-1 Messaging": {1018.65, 1873.65},
		// (3 x 0.093 + 6 x 0.005 + 0.034 + 8 x 3 x 0.021) x 730
		"Production sa-east-1 Networking": same(618.31),
		// 5 + 8 rules
		"Production sa-east-1 Web ACL": same(13),
		// 1.038 x 730 + 1000 x 0.1
		"Production us-east-1 Database": same(857.74),
		// 2 to 20 tasks of (4 x 0.04048 + 8 x 0.004445) x 730 = 144.16
		"Production us-east-1 Compute": {288.3208, 2883.208},
		// 3 x 0.206 x 730
		"Production us-east-1 Cache": same(451.14),
		// 3 x (0.21 x 730 + 500 x 0.1)
		"Production us-east-1 Messaging": {609.9, 1059.9}, // and 3 x 1500 x 0.1
		// 3 x 70
		"Production us-east-1 Recovery": same(210),
		// (3 x 0.045 + 6 x 0.005 + 8 x 3 x 0.01 + 0.0225) x 730 + 2 x 0.5
		"Production us-east-1 Networking": same(313.075),
		// 2 to 4 tasks of (2 x 0.0696 + 4 x 0.0076) x 730 = 123.808
		"Staging sa-east-1 Compute": {247.616, 495.232},
		// 2 x 0.537 x 730 + 1000 x 0.19
		"Staging sa-east-1 Database": {974.02, 974.02 + 2*392.01}, // and 2 readers more
		// 0.122 x 730
		"Staging sa-east-1 Cache": same(89.06),
		// 2 x (0.0736 x 730 + 50 x 0.19)
		"Staging sa-east-1 Messaging": {126.456, 183.456}, // and 2 x 150 x 0.19
		// (0.093 + 4 x 0.005 + 0.034) x 730
		"Staging sa-east-1 Networking": same(107.31),
	}
	const meant = "if a size was changed on purpose, calculate its price again in test/cost_test.go"
	_, bill := priced(t)
	got := map[string]bounds{}
	for _, line := range bill.Lines {
		got[line.Environment+" "+line.Region+" "+line.Component] = bounds{line.Low, line.High}
	}
	for component, bound := range want {
		assert.InDeltaf(t, bound.low, got[component].low, 0.01, "%s at the least: %s", component, meant)
		assert.InDeltaf(t, bound.high, got[component].high, 0.01, "%s at the most: %s", component, meant)
	}
}

// An environment or a region that is left out is a bill that nobody expected.
func TestEveryStackThatCostsSomethingIsPriced(t *testing.T) {
	built, bill := priced(t)
	places := map[string]bool{}
	for _, line := range bill.Lines {
		places[line.Environment+" "+line.Region] = true
		assert.Positivef(t, line.Low, "%s %s %s", line.Environment, line.Region, line.Component)
		assert.LessOrEqualf(t, line.Low, line.High, "%s", line.Component)
	}
	want, number := map[string]bool{}, 0
	for _, env := range platform(t) {
		for _, stack := range env.stacks {
			want[stacks.StageName(env.Environment)+" "+stack.region] = true
			number++
		}
	}
	assert.Equal(t, want, places)
	assert.Len(t, built, number, "the reader of assemblies overlooks a stack")
}

// Whoever adds a type says what it costs: priced, free or by use.
func TestEveryTypeOfTheTemplatesHasAKindOfPrice(t *testing.T) {
	_, bill := priced(t)
	for what := range bill.Unpriced {
		assert.Containsf(t, what, ": ", "%s: give it a price, or say in internal/cost/kinds.go that it is free or billed by use", what)
	}
}
