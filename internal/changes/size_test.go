package changes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chain is a stack in which each resource refers to the one before it by what
// cannot change in place: the first one's change replaces them all.
func chain(cidr string) map[string][]byte {
	links := []string{one("R0", "AWS::EC2::VPC", `"CidrBlock": "`+cidr+`"`)}
	for i := 1; i < 500; i++ {
		links = append(links, one(fmt.Sprint("R", i), "AWS::EC2::RouteTable", fmt.Sprintf(`"VpcId": {"Ref": "R%d"}`, i-1)))
	}
	return map[string][]byte{"chain": []byte(resources(strings.Join(links, ",")))}
}

// platformOf is some stacks of many resources, each stack after the first one with
// references to the one before it, and everything changed.
func platformOf(days string) map[string][]byte {
	all := map[string][]byte{}
	for s := range 10 {
		var made []string
		for i := range 300 {
			made = append(made, one(fmt.Sprint("Log", i), "AWS::Logs::LogGroup", `"RetentionInDays": `+days+
				fmt.Sprintf(`, "KmsKeyId": {"Fn::GetStackOutput": {"StackName": "s%d", "OutputName": "Key"}}`, s-1)))
		}
		all[fmt.Sprint("s", s)] = []byte(`{"Resources": {` + strings.Join(made, ",") + `}, "Outputs": {"Key": {"Value": {"Ref": "Log0"}}}}`)
	}
	return all
}

// judged compares and says how many judgements of resources it took.
func judged(t testing.TB, before, after map[string][]byte) (Report, int) {
	t.Helper()
	base, err := ReadSet(before)
	require.NoError(t, err)
	head, err := ReadSet(after)
	require.NoError(t, err)
	types, err := LoadSchemas("none", base, head)
	require.NoError(t, err)
	c := newComparison(base, head, types)
	return c.compare(), c.work
}

// The work grows with the resources, and not with their square. BenchmarkSizes
// says how long it takes.
func TestALongChainAndManyResourcesAreJudgedAFewTimesEach(t *testing.T) {
	report, work := judged(t, chain("10.0.0.0/16"), chain("10.1.0.0/16"))
	assert.Equal(t, 500, report.Count(Replaces))
	assert.LessOrEqual(t, work, 500*6)
	report, work = judged(t, platformOf("365"), platformOf("30"))
	assert.Equal(t, 3000, report.Count(Weakens))
	assert.LessOrEqual(t, work, 3000*6)
}

func BenchmarkSizes(b *testing.B) {
	for name, pair := range map[string][2]map[string][]byte{
		"a chain of 500":    {chain("10.0.0.0/16"), chain("10.1.0.0/16")},
		"ten stacks of 300": {platformOf("365"), platformOf("30")},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				judged(b, pair[0], pair[1])
			}
		})
	}
}
