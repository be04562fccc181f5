package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
)

// failedChecks are the subjects of what failed.
func failedChecks(report Report) []string {
	var subjects []string
	for _, check := range report.Checks {
		if check.Result == failed {
			subjects = append(subjects, check.Step+": "+check.Subject)
		}
	}
	return subjects
}

func steps(report Report) map[string]Step {
	byName := map[string]Step{}
	for _, step := range report.Steps {
		byName[step.Name] = step
	}
	return byName
}

func TestAWholeLifeIsCountedStepByStep(t *testing.T) {
	emulator := newFake(t)
	report, err := Run(context.Background(), emulator.options(t))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"bootstrap",
		"deploy Staging/Global", "deploy Staging/Network", "deploy Staging/Data",
		"deploy Staging/Global", "deploy Staging/Network", "deploy Staging/Data",
		"deploy Staging/Global", "deploy Staging/Network", "deploy Staging/Data",
		"destroy Staging/Data", "destroy Staging/Network", "destroy Staging/Global",
	}, emulator.calls, "a stack comes after those it needs, and goes before them")
	by := steps(report)
	assert.Equal(t, 27, by["deploy"].Created, "all but the cache")
	assert.Equal(t, [3]int{}, [3]int{by["deploy again"].Created, by["deploy again"].Updated, by["deploy again"].Deleted})
	assert.Equal(t, 3, by["resize"].Updated, "two instances and the task")
	assert.Equal(t, 27, by["destroy"].Deleted)
	assert.Equal(t, []string{"AWS::RDS::DBCluster Staging/Data/Cluster"}, report.Stayed)
	assert.Equal(t, []string{"Staging/Data reads TopicName of wallet-staging-global", "Staging/Data reads TopicArn of wallet-staging-global"}, report.FilledIn)
	assert.Equal(t, 27, report.Exercised)
	assert.Zero(t, report.Failed)
	assert.Empty(t, emulator.stacks)
	var printed bytes.Buffer
	report.Print(&printed)
	assert.Contains(t, printed.String(), "1 resources that the templates retain stand in the emulator: start it anew")
}

// What an emulator cannot make must never look as if it had been deployed.
func TestLeftOutTypesAreCountedAndTheirSizesNotPassed(t *testing.T) {
	emulator := newFake(t)
	emulator.unsupported = map[string]bool{"AWS::EC2::NatGateway": true, "AWS::EC2::Subnet": true}
	report, err := Run(context.Background(), emulator.options(t))
	require.NoError(t, err)
	assert.Len(t, report.Gaps, 11)
	assert.Equal(t, report.Resources-11, report.Exercised)
	assert.Equal(t, 3, steps(report)["look"].Missing)
	for _, subject := range []string{"subnets sa-east-1", "NAT gateways sa-east-1"} {
		at := slices.IndexFunc(report.Checks, func(check Check) bool { return check.Subject == subject && check.Step == "deploy" })
		require.GreaterOrEqual(t, at, 0)
		assert.Equal(t, notExercised, report.Checks[at].Result, subject)
	}
	var printed bytes.Buffer
	report.Print(&printed)
	assert.Contains(t, printed.String(), "17 of 28 resources exercised on an emulator; nothing of this was validated by AWS")
	assert.Contains(t, printed.String(), "11 resources of 3 types that the emulator lacks")
	lines := strings.Join(gapsByType(report.Gaps), "\n")
	assert.Contains(t, lines, "9  AWS::EC2::Subnet: "+noType)
}

// A custom resource would keep the emulator waiting for an hour, and an alarm on
// several metrics would fail its stack.
func TestWhatTheEmulatorRefusesIsLeftOutByName(t *testing.T) {
	for why, of := range map[string][2]cfn.Resource{
		noFunctions: {{Type: "Custom::DatabaseUser"}, {Type: "AWS::Lambda::Function"}},
		noMetrics:   {{Type: "AWS::CloudWatch::Alarm", Properties: cfn.Object{"Metrics": []any{}}}, {Type: "AWS::CloudWatch::Alarm", Properties: cfn.Object{"MetricName": "m"}}},
		noEndpoint:  {{Type: "AWS::ElastiCache::ReplicationGroup"}, {Type: "AWS::ElastiCache::SubnetGroup"}},
	} {
		assert.Equal(t, why, refused(of[0]))
		assert.Empty(t, refused(of[1]), of[1].Type)
	}
}

func TestWhatIsNotThereOrOfAnotherSizeFailsTheRun(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*fake)
		want  string // a failed check
	}{
		"a resource that its service does not know": {
			func(f *fake) { f.hidden["Writer"] = true }, "deploy: resources of which nobody knows, beside 25 that their services know"},
		"another class": {
			func(f *fake) { f.wrong["Writer"] = Facts{"class": "db.t3.small"} }, "deploy: database writer and readers"},
		"another network": {
			func(f *fake) { f.wrong["Vpc"] = Facts{"cidr": "10.0.0.0/8"} }, "deploy: network sa-east-1"},
		"shorter backups": {
			func(f *fake) { f.wrong["Cluster"] = Facts{"days": "1"} }, "deploy: days of database backup"},
		"a repository of another name": {
			func(f *fake) { f.wrong["Service"] = Facts{"name": "x"} }, "deploy: repositories"},
		"a size that an update did not reach": {
			func(f *fake) {
				f.wrong["Reader"] = Facts{"class": "db." + config.Staging().Database.InstanceType}
			}, "resize: database writer and readers"},
	} {
		t.Run(name, func(t *testing.T) {
			emulator := newFake(t)
			test.spoil(emulator)
			report, err := Run(context.Background(), emulator.options(t))
			require.Error(t, err, "exit status 1")
			assert.Contains(t, err.Error(), "checks failed")
			assert.Contains(t, failedChecks(report), test.want)
			assert.Empty(t, emulator.stacks, "it is removed all the same")
		})
	}
}

func TestASecondDeploymentThatDoesSomethingFails(t *testing.T) {
	emulator := newFake(t)
	deployments := 0
	emulator.onCall = func(call string) error {
		if call == "deploy Staging/Network" {
			if deployments++; deployments == 2 {
				stack := emulator.stacks["wallet-staging-network"]
				stack.events++
				emulator.stacks["wallet-staging-network"] = stack
			}
		}
		return nil
	}
	report, err := Run(context.Background(), emulator.options(t))
	require.Error(t, err)
	assert.Contains(t, failedChecks(report), "deploy again: last operation on Staging/Network")
}

// An interruption in the middle of a deployment leaves nothing in the emulator.
func TestAnInterruptedRunRemovesWhatItMade(t *testing.T) {
	emulator := newFake(t)
	ctx, interrupt := context.WithCancel(context.Background())
	emulator.onCall = func(call string) error {
		if call == "deploy Staging/Data" {
			interrupt()
		}
		return nil
	}
	report, err := Run(ctx, emulator.options(t))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, emulator.stacks)
	assert.Equal(t, []string{"destroy Staging/Network", "destroy Staging/Global"}, emulator.calls[len(emulator.calls)-2:])
	assert.Equal(t, "clean up", report.Steps[len(report.Steps)-1].Name)
}

func TestAFailedDeploymentIsRemovedAndNamed(t *testing.T) {
	emulator := newFake(t)
	emulator.onCall = func(call string) error {
		if call == "deploy Staging/Data" {
			return errors.New("cdk deploy: exit status 1")
		}
		return nil
	}
	_, err := Run(context.Background(), emulator.options(t))
	require.ErrorContains(t, err, "deploy: cdk deploy: exit status 1")
	assert.Empty(t, emulator.stacks)
}

func TestWhatAnEarlierRunLeftIsRemovedFirst(t *testing.T) {
	emulator := newFake(t)
	emulator.stacks["wallet-staging-data"] = fakeStack{region: "sa-east-1", status: "ROLLBACK_COMPLETE"}
	emulator.stacks["somebody-elses"] = fakeStack{region: "sa-east-1", status: "CREATE_COMPLETE"}
	report, err := Run(context.Background(), emulator.options(t))
	require.NoError(t, err)
	assert.Equal(t, []string{"bootstrap", "destroy Staging/Data", "deploy Staging/Global"}, emulator.calls[:3])
	assert.Equal(t, 1, steps(report)["look"].Deleted)
	assert.Contains(t, emulator.stacks, "somebody-elses")
}

// An emulator may say that a stack is gone that stands.
func TestARemovalIsNotBelieved(t *testing.T) {
	emulator := newFake(t)
	emulator.deaf = true
	report, err := Run(context.Background(), emulator.options(t))
	require.Error(t, err)
	assert.Contains(t, failedChecks(report), "destroy: stacks left")
}

// A primary database cannot go while a secondary is a member of its global database.
func TestARemovalInTheWrongOrderFails(t *testing.T) {
	emulator := newFake(t)
	emulator.forwards = true
	report, err := Run(context.Background(), emulator.options(t))
	require.Error(t, err)
	assert.Contains(t, failedChecks(report), "destroy: stacks removed before what needs them")
}

// What stays behind costs money and blocks the names of the next deployment; what
// must stay and is gone was a customer's.
func TestWhatStaysIsComparedWithTheTemplates(t *testing.T) {
	emulator := newFake(t)
	emulator.onCall = func(call string) error {
		if call == "destroy Staging/Network" {
			delete(emulator.things, "wallet-staging-data-Cluster")
			emulator.things["wallet-staging-network-Vpc2"] = Facts{}
			stack := emulator.stacks["wallet-staging-network"]
			delete(stack.resources, "Vpc")
		}
		return nil
	}
	report, err := Run(context.Background(), emulator.options(t))
	require.Error(t, err)
	assert.Contains(t, failedChecks(report), "destroy: retained resources that are gone")
	assert.Contains(t, failedChecks(report), "destroy: resources left that no template retains")
}

// An emulator that deletes what the templates retain would let a removal pass that
// loses a database.
func TestARetainedResourceThatIsGoneFails(t *testing.T) {
	emulator := newFake(t)
	emulator.forgets = true
	report, err := Run(context.Background(), emulator.options(t))
	require.Error(t, err)
	assert.Equal(t, []string{"AWS::RDS::DBCluster Staging/Data/Cluster"}, report.Lost)
	assert.Contains(t, failedChecks(report), "destroy: retained resources that are gone")
}

// An account that is not the environment's means that this is no emulator, or one
// that would mix environments.
func TestAnotherAccountIsNotDeployedTo(t *testing.T) {
	emulator := newFake(t)
	emulator.account = "000000000000"
	_, err := Run(context.Background(), emulator.options(t))
	require.ErrorContains(t, err, "want an emulator that takes the key for the account")
	assert.Empty(t, emulator.calls)
}

func TestKeepLeavesEverything(t *testing.T) {
	emulator := newFake(t)
	options := emulator.options(t)
	options.Keep = true
	_, err := Run(context.Background(), options)
	require.NoError(t, err)
	assert.Len(t, emulator.stacks, 3)
}

// The larger sizes must pass the validation, or the step could not run.
func TestEveryEnvironmentCanGrow(t *testing.T) {
	for _, env := range config.All() {
		larger, changes, err := Resize(env)
		require.NoError(t, err, env.Name)
		require.NoError(t, larger.Validate(), env.Name)
		assert.Len(t, changes, 2)
		assert.NotEqual(t, env.Database.InstanceType, larger.Database.InstanceType)
		assert.Equal(t, 2*env.Service.MemoryMiB, larger.Service.MemoryMiB)
	}
}

func TestTheReportIsWritten(t *testing.T) {
	report, err := Run(context.Background(), newFake(t).options(t))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "build", "local-report.json")
	require.NoError(t, report.Write(path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var again Report
	require.NoError(t, json.Unmarshal(content, &again))
	assert.Equal(t, report, again)
}
