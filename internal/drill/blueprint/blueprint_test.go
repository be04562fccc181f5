package blueprint

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

func stacks(t *testing.T) []cfn.Stack {
	t.Helper()
	read, err := cfn.Read("../testdata/assembly")
	require.NoError(t, err)
	return read
}

func TestTheBlueprintIsWhatTheTemplatesMake(t *testing.T) {
	b, err := Read(stacks(t), "wallet-production")
	require.NoError(t, err)
	assert.Equal(t, "wallet-production-failover", b.Failover.Name)
	assert.Equal(t, "wallet-production-failback", b.Failback.Name)
	assert.Equal(t, []string{"sa-east-1", "us-east-1"}, []string{b.Primary, b.Secondary})
	assert.Equal(t, "222222222222", b.Account)

	assert.Equal(t, "wallet-production-global", b.Database.ID)
	secondary, ok := b.Database.Cluster("us-east-1")
	require.True(t, ok)
	assert.Equal(t, "arn:aws:rds:us-east-1:222222222222:cluster:wallet-production-us-east-1", secondary.ARN)
	require.Len(t, secondary.Instances, 1)
	assert.Equal(t, "db.r6g.2xlarge", secondary.Instances[0].Class)

	bounds := map[string][2]int{}
	for _, service := range b.Services {
		bounds[service.Region] = [2]int{service.Min, service.Max}
	}
	assert.Equal(t, map[string][2]int{"sa-east-1": {6, 20}, "us-east-1": {2, 20}}, bounds)
	require.Len(t, b.Records, 2)
	require.Len(t, b.RegionalRecords, 2)
	assert.Contains(t, b.RegionalRecords[0].Target, ".elb.amazonaws.com")
	require.Len(t, b.Alarms, 2)
	assert.Equal(t, 2*time.Minute, b.Alarms[0].Detection)
}

// A plan that names what is not there would fail on the day; so does reading it.
func TestWhatAPlanNamesMustBeMade(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"the global database": {`AWS::RDS::GlobalCluster`, `AWS::Other`, "moves global database \"wallet-production-global\", which no template makes"},
		"the cluster":         {`cluster:wallet-production-us-east-1`, `cluster:other`, "promotes arn:aws:rds:us-east-1:222222222222:cluster:other"},
		"the service":         {`us-east-1:222222222222:service/wallet-production/wallet-service`, `us-east-1:222222222222:service/wallet-production/other`, "service/wallet-production/other, which no template makes"},
		"its cluster":         {`us-east-1:222222222222:cluster/wallet-production`, `us-east-1:222222222222:cluster/other`, "the template makes it in wallet-production"},
		"the scaling":         {`AWS::ApplicationAutoScaling::ScalableTarget`, `AWS::Other`, "has no scaling bounds"},
		"the instances":       {`AWS::RDS::DBInstance`, `AWS::Other`, "has no instance"},
		"the records":         {`AWS::Route53::RecordSetGroup`, `AWS::Other`, "no template makes its record for us-east-1"},
		"their health checks": {`"HealthCheckId"`, `"Other"`, "has no health check"},
		"the alarm":           {`alarm:wallet-production-load-balancer-us-east-1`, `alarm:other`, "watches alarm"},
		"the child plan":      {`"RecoverytrafficPlanCD34284F",` + "\n", `"Other",` + "\n", "which no template makes"},
		"the plans":           {`AWS::ARCRegionSwitch::Plan`, `AWS::Other`, "nothing to rehearse"},
		"the way there":       {`"WorkflowTargetAction": "activate"`, `"WorkflowTargetAction": "deactivate"`, "has no workflow that activates"},
	} {
		t.Run(name, func(t *testing.T) {
			all := stacks(t)
			changed := false
			for i := range all {
				text := string(all[i].Raw)
				changed = changed || strings.Contains(text, c.from)
				var err error
				all[i].Template, err = cfn.Parse([]byte(strings.ReplaceAll(text, c.from, c.to)))
				require.NoError(t, err)
			}
			require.True(t, changed, "the templates have nothing like %s", c.from)
			_, err := Read(all, "wallet-production")
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestResourcesHaveTheNamesThatTheirTemplatesGiveThem(t *testing.T) {
	template, err := cfn.Parse([]byte(`{"Resources": {
		"Db": {"Type": "AWS::RDS::DBCluster", "Properties": {"DBClusterIdentifier": {"Fn::Sub": "wallet-${AWS::Region}"}}},
		"Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "c"}},
		"Service": {"Type": "AWS::ECS::Service", "Properties": {"ServiceName": "s", "Cluster": {"Ref": "Cluster"}}}},
		"Outputs": {"O": {"Value": {"Fn::GetAtt": ["Db", "DBClusterArn"]}}}}`))
	require.NoError(t, err)
	here := cfn.Stack{Name: "here", Account: "1", Region: "sa-east-1", Template: template}
	there := cfn.Stack{Name: "there", Account: "1", Region: "us-east-1"}
	r := cfn.Resolver{Stacks: []cfn.Stack{here, there}, Attribute: physical}
	for text, want := range map[string]string{
		`{"Ref": "AWS::AccountId"}`:                      "1",
		`{"Fn::GetAtt": ["Db", "DBClusterArn"]}`:         "arn:aws:rds:sa-east-1:1:cluster:wallet-sa-east-1",
		`{"Fn::Join": ["/", ["a", {"Ref": "Cluster"}]]}`: "a/c",
		`{"Ref": "Service"}`:                             "arn:aws:ecs:sa-east-1:1:service/c/s",
		`{"Fn::GetStackOutput": {"StackName": "here", "Region": "sa-east-1", "OutputName": "O"}}`: "arn:aws:rds:sa-east-1:1:cluster:wallet-sa-east-1",
		`{"Fn::Sub": "${Db.DBClusterArn}!"}`:                                                      "arn:aws:rds:sa-east-1:1:cluster:wallet-sa-east-1!",
	} {
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value))
		assert.Equal(t, want, r.Text(here, value), text)
	}
}
