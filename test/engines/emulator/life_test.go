// Package emulator deploys both environments into MiniStack with the commands that
// deploy them to AWS: bootstrap, a first deployment that is interrupted and fails,
// another without changes, larger sizes, removal. What MiniStack lacks is left out,
// imitated and counted in testdata.
package emulator

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/emulator/ministack"
)

// life is an environment in its account of the emulator.
type life struct {
	person
	*gateway
	env    config.Environment
	stacks []cfn.Stack // in the order of their deployment
	live   []found     // after the last look
}

// Both environments live in one emulator, told apart by their accounts.
func TestTheLifeOfAnEnvironment(t *testing.T) {
	server := ministack.Start(t)
	wallet := build(t)
	for _, env := range config.All() {
		t.Run(env.Name, func(t *testing.T) {
			t.Parallel()
			stacks, err := cfn.InOrder(engines.Stacks(t, env.Name))
			require.NoError(t, err)
			gateway := newGateway(t, server, env, stacks)
			l := &life{person: newPerson(t, wallet, gateway), gateway: gateway, env: env, stacks: stacks}
			l.run(t, "nothing is deployed before the bootstrap", l.bootstrap)
			l.run(t, "the images are asked for", l.images)
			if !env.Protected {
				l.run(t, "an interrupted deployment goes on", l.interrupt)
				l.run(t, "a failed creation is repaired as the command says", l.fail)
			}
			l.run(t, "everything stands in its size", l.deploy)
			l.run(t, "a second deployment changes nothing", l.again)
			l.run(t, "drift is seen", l.drift)
			if env.Protected {
				l.run(t, "larger sizes are deployed", l.resize)
			} else {
				l.run(t, "larger sizes are prepared, reviewed and executed", l.review)
			}
			l.run(t, "what the templates retain stays, and nothing else", l.destroy)
			l.run(t, "what MiniStack lacks is known", l.count)
		})
	}
}

// run takes a step; the next ones need it.
func (l *life) run(t *testing.T, name string, step func(*testing.T)) {
	t.Helper()
	if !t.Run(name, step) {
		t.FailNow()
	}
}

// remedy is a command that a message tells a person to run with the CDK CLI.
var remedy = regexp.MustCompile(`npx cdk (bootstrap .*)`)

func (l *life) bootstrap(t *testing.T) {
	said := l.must(t, exit.Refused, "deploy", "--dry-run", "--cdk", l.cdk)
	remedies := remedy.FindAllStringSubmatch(said, -1)
	require.Len(t, remedies, 2, "one for each region in\n%s", said)
	for _, command := range remedies {
		ended := l.ends(t, "", nil, l.cdk, strings.Fields(command[1])...)
		require.Equal(t, exit.Done, ended.status, "%s", tail(ended.output))
	}
	l.must(t, exit.Done, "deploy", "--dry-run", "--cdk", l.cdk)
	assert.Empty(t, l.standing(t), "a dry run makes nothing")
}

func (l *life) images(t *testing.T) {
	said := l.must(t, exit.ImagesMissing, "deploy", "--yes", "--cdk", l.cdk)
	assert.Contains(t, said, l.env.Names().ServiceRepository()+":"+l.env.Site.ImageTag)
	for name := range l.standing(t) {
		assert.Contains(t, name, "registry", "nothing more than the repositories")
	}
	l.pushImages(t)
}

// interrupt stops the command while it begins the second stack that does not stand.
func (l *life) interrupt(t *testing.T) {
	var begun []string
	var process atomic.Pointer[os.Process]
	l.before = func(action string, stack cfn.Stack) {
		if action == "CreateChangeSet" && !slices.Contains(begun, stack.ID) {
			if begun = append(begun, stack.ID); len(begun) == 2 {
				_ = process.Load().Signal(os.Interrupt)
			}
		}
	}
	ended := l.ends(t, "", process.Store, l.wallet, l.env.Name, "deploy", "--yes", "--cdk", l.cdk)
	l.before = nil
	require.Equal(t, exit.Interrupted, ended.status, "%s", tail(ended.output))
	assert.Contains(t, ended.output, "The same command goes on from there")
	standing := l.standing(t)
	assert.Contains(t, standing, l.stacks[0].Name)
	assert.NotContains(t, standing, l.stacks[len(l.stacks)-1].Name)
}

// fail lets somebody have made the API's DNS record by hand: the creation of Compute
// fails and keeps what stands, and when the record is gone the same command goes on.
func (l *life) fail(t *testing.T) {
	zone := route53.NewFromConfig(l.server.Config(l.env.Site.Account, l.env.Primary.Name))
	compute, record := engines.Resource(t, l.stacks, "Compute", "AWS::Route53::RecordSet")
	name, ok := record.Properties["Name"].(string)
	require.True(t, ok)
	change := func(action types.ChangeAction) {
		_, err := zone.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &l.zone,
			ChangeBatch: &types.ChangeBatch{Changes: []types.Change{{Action: action, ResourceRecordSet: &types.ResourceRecordSet{
				Name: &name, Type: types.RRTypeA, TTL: new(int64(60)), ResourceRecords: []types.ResourceRecord{{Value: new("192.0.2.1")}}}}}}})
		require.NoError(t, err)
	}
	change(types.ChangeActionCreate)
	said := l.must(t, exit.Failed, "deploy", "--yes", "--cdk", l.cdk)
	assert.Contains(t, said, "Correct the cause and run the same command: it goes on from there")
	assert.Contains(t, said, "already exists")
	assert.Equal(t, "CREATE_FAILED", l.standing(t)[compute.Name].status)
	change(types.ChangeActionDelete)
}

func (l *life) deploy(t *testing.T) {
	l.must(t, exit.Done, "deploy", "--yes", "--cdk", l.cdk)
	l.startTasks(t)
	l.inspect(t, l.env)
	said := l.must(t, exit.Done, "status")
	assert.Contains(t, said, "blue serves")
	assert.Regexp(t, l.env.Site.ImageTag+` +SUCCESSFUL`, said)
}

func (l *life) again(t *testing.T) {
	before := l.standing(t)
	said := l.must(t, exit.Done, "deploy", "--yes", "--cdk", l.cdk)
	assert.NotContains(t, said, "CREATE_IN_PROGRESS")
	for name, stack := range l.standing(t) {
		assert.Equal(t, before[name].updated, stack.updated, "the last operation on %s", name)
	}
}

// drift changes a log group by hand. The account's trust in its pipeline is deployed
// apart, and is named as not deployed.
func (l *life) drift(t *testing.T) {
	said := l.must(t, exit.Found, "drift", "--assembly", l.synthesis)
	assert.Contains(t, said, config.IdentityStackName()+" is not deployed")
	logs := cloudwatchlogs.NewFromConfig(l.server.Config(l.env.Site.Account, l.env.Primary.Name))
	group := l.env.Names().DatabaseLogGroup(l.env.Primary, "error")
	_, err := logs.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: new(int32(1))})
	require.NoError(t, err)
	assert.NotContains(t, said, "RetentionInDays")
	assert.Contains(t, l.must(t, exit.Found, "drift", "--assembly", l.synthesis), "RetentionInDays")
	_, err = logs.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: new(int32(l.env.Database.LogRetentionDays))})
	require.NoError(t, err)
}

// prepared is where the command keeps the manifest of its change sets.
var prepared = regexp.MustCompile(`--execute (\S+)`)

func (l *life) review(t *testing.T) {
	l.grow(t, func() {
		said := l.must(t, exit.Done, "deploy", "--prepare", "larger", "--yes", "--cdk", l.cdk)
		manifest := prepared.FindStringSubmatch(said)
		require.NotNil(t, manifest, "%s", said)
		l.inspect(t, l.env) // nothing is executed yet
		l.must(t, exit.Done, "deploy", "--execute", manifest[1], "--yes", "--cdk", l.cdk)
	})
}

func (l *life) resize(t *testing.T) {
	l.grow(t, func() { l.must(t, exit.Done, "deploy", "--yes", "--cdk", l.cdk) })
}

// grow deploys the environment with a larger database and larger tasks. Nothing that is
// retained may be replaced.
func (l *life) grow(t *testing.T, deploy func()) {
	t.Helper()
	ids := map[string]string{}
	for _, resource := range l.live {
		ids[resource.stack+"/"+resource.logicalID] = resource.id
	}
	bigger := larger(t, l.env)
	assembly := filepath.Join(l.root, "resized")
	resized(t, l.synthesis, assembly, l.stacks, l.env, bigger)
	l.synthesisIs(t, assembly)
	deploy()
	l.inspect(t, bigger)
	for _, resource := range l.live {
		if resource.retained {
			assert.Equal(t, ids[resource.stack+"/"+resource.logicalID], resource.id, "%s of %s was replaced", resource.logicalID, resource.stack)
		}
	}
}

// destroy removes everything, last stack first.
func (l *life) destroy(t *testing.T) {
	var gone []string
	l.before = func(action string, stack cfn.Stack) {
		if action == "DeleteStack" {
			gone = append(gone, stack.Name)
		}
	}
	defer func() { l.before = nil }()
	var said string
	if l.env.Protected {
		l.must(t, exit.Refused, "destroy", "--yes", "--cdk", l.cdk)
		l.atTerminal(t, exit.Declined, l.env.Name+"\nno\n", "destroy", "--cdk", l.cdk)
		require.Empty(t, gone)
		said = l.atTerminal(t, exit.Done, l.env.Name+"\ndestroy "+l.env.Site.Account+"\n", "destroy", "--cdk", l.cdk)
	} else {
		said = l.must(t, exit.Done, "destroy", "--yes", "--cdk", l.cdk)
	}
	for i, name := range gone {
		for _, needed := range l.gateway.stacks[name].DependsOn {
			assert.NotContains(t, gone[:i], needed, "%s went before %s, which needs it", needed, name)
		}
	}
	l.left(t, said)
}
