package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/stacks"
)

// stackFixture is one stack of a small platform.
type stackFixture struct {
	id, region string
	needs      []string // IDs
	template   map[string]any
}

// platform has a network, a database on it, and something in the second region that
// the database reads. The properties of a resource are what its service says of it.
func platform() []stackFixture { return platformOf(config.Staging()) }

func platformOf(env config.Environment) []stackFixture {
	network := map[string]any{
		"Vpc":   resource("AWS::EC2::VPC", "cidr", env.Network.CIDR),
		"Nat":   resource("AWS::EC2::NatGateway", "state", "available", "subnet", map[string]any{"Ref": "Subnet0"}),
		"Route": resource("AWS::EC2::Route", "NatGatewayId", map[string]any{"Ref": "Nat"}),
	}
	for i, cidr := range slices.Concat(env.Network.Public, env.Network.Private, env.Network.Database) {
		network["Subnet"+strconv.Itoa(i)] = resource("AWS::EC2::Subnet", "cidr", cidr)
	}
	instance := []any{"cluster", env.Names().DatabaseClusterName(env.Primary), "class", "db." + env.Database.InstanceType}
	data := map[string]any{
		"Cluster": resource("AWS::RDS::DBCluster", "name", env.Names().DatabaseClusterName(env.Primary), "protected", "false",
			"days", strconv.Itoa(env.Database.BackupRetentionDays), "version", "8.0.mysql_aurora."+env.Database.EngineVersion),
		"Writer":     resource("AWS::RDS::DBInstance", instance...),
		"Reader":     resource("AWS::RDS::DBInstance", instance...),
		"Log":        resource("AWS::Logs::LogGroup", "name", env.Names().DatabaseLogGroup(env.Primary, "error"), "days", strconv.Itoa(env.Database.LogRetentionDays)),
		"Task":       resource("AWS::ECS::TaskDefinition", "cpu", strconv.Itoa(env.Service.CPU), "memory", strconv.Itoa(env.Service.MemoryMiB)),
		"Cache":      resource("AWS::ElastiCache::ReplicationGroup", "type", env.Cache.NodeType, "nodes", strconv.Itoa(env.Cache.Nodes())),
		"Brokers":    resource("AWS::MSK::Cluster", "type", env.Messaging.BrokerType, "brokers", strconv.Itoa(env.Messaging.Brokers)),
		"Service":    resource("AWS::ECR::Repository", "name", env.Names().ServiceRepository()),
		"Migrations": resource("AWS::ECR::Repository", "name", env.Names().MigrationsRepository()),
		"Near":       resource("AWS::KMS::Alias", "text", output("wallet-staging-network", "sa-east-1", "VpcId")),
		"Remote":     resource("AWS::KMS::Alias", "text", output("wallet-staging-global", "us-east-1", "TopicArn"), "more", output("wallet-staging-global", "us-east-1", "TopicName")),
	}
	for i, name := range []string{env.Names().DatabaseAdminSecret(), env.Names().DatabaseAppSecret(), env.Names().KafkaSecret(), env.Names().CacheSecret()} {
		data["Secret"+strconv.Itoa(i)] = resource("AWS::SecretsManager::Secret", "name", name)
	}
	data["Cluster"].(map[string]any)["DeletionPolicy"] = "Retain"
	return []stackFixture{
		{id: "Network", region: "sa-east-1", template: map[string]any{"Resources": network,
			"Outputs": map[string]any{"VpcId": map[string]any{"Value": map[string]any{"Ref": "Vpc"}}}}},
		{id: "Global", region: "us-east-1", template: map[string]any{"Resources": map[string]any{"Topic": resource("AWS::SNS::Topic", "name", "t")},
			"Outputs": map[string]any{"TopicArn": map[string]any{"Value": map[string]any{"Ref": "Topic"}}, "TopicName": map[string]any{"Value": "t"}}}},
		{id: "Data", region: "sa-east-1", needs: []string{"Network", "Global"}, template: map[string]any{"Resources": data}},
	}
}

// resource takes pairs of a property's name and its value.
func resource(kind string, properties ...any) map[string]any {
	all := map[string]any{}
	for pair := range slices.Chunk(properties, 2) {
		all[pair[0].(string)] = pair[1]
	}
	return map[string]any{"Type": kind, "Properties": all}
}

func output(stack, region, name string) map[string]any {
	return map[string]any{"Fn::GetStackOutput": map[string]any{"StackName": stack, "Region": region, "OutputName": name}}
}

// writeAssembly writes the fixtures as the CDK would.
func writeAssembly(t *testing.T, dir string, stacks []stackFixture) {
	t.Helper()
	put := func(name string, value any) {
		content, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(dir, 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	artifacts := map[string]any{}
	for _, stack := range stacks {
		name := "wallet-staging-" + strings.ToLower(stack.id)
		put(stack.id+".template.json", stack.template)
		put(stack.id+".assets.json", map[string]any{"files": map[string]any{"t": map[string]any{
			"source":       map[string]any{"path": stack.id + ".template.json"},
			"destinations": map[string]any{"d": map[string]any{"objectKey": stack.id + "-old.json"}}}}})
		artifacts[stack.id+".assets"] = map[string]any{"type": "cdk:asset-manifest", "properties": map[string]any{"file": stack.id + ".assets.json"}}
		artifacts[stack.id] = map[string]any{"type": "aws:cloudformation:stack", "displayName": "Staging/" + stack.id,
			"environment": "aws://111111111111/" + stack.region, "dependencies": append(slices.Clone(stack.needs), stack.id+".assets"),
			"properties": map[string]any{"terminationProtection": true, "templateFile": stack.id + ".template.json", "stackName": name,
				"stackTemplateAssetObjectUrl": "s3://bucket/" + stack.id + "-old.json"}}
	}
	put("manifest.json", map[string]any{"artifacts": artifacts})
}

// fake is an emulator and the CDK CLI in one.
type fake struct {
	t           *testing.T
	unsupported map[string]bool // types
	forgets     bool            // deletes what DeletionPolicy retains
	deaf        bool            // a removal does nothing and reports success
	forwards    bool            // a removal begins with the first stack
	wrong       map[string]Facts
	hidden      map[string]bool // logical IDs that the services do not know
	protected   map[string]bool // stacks
	account     string

	stacks map[string]fakeStack // by name
	things map[string]Facts     // by ID
	calls  []string             // of the CLI
	onCall func(call string) error
}

type fakeStack struct {
	region, status string
	events         int
	resources      map[string]Resource
	template       map[string]any
	outputs        map[string]string
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, unsupported: map[string]bool{}, stacks: map[string]fakeStack{}, protected: map[string]bool{}, things: map[string]Facts{}, account: "111111111111",
		wrong: map[string]Facts{}, hidden: map[string]bool{}}
}

// options are those of a run against the fake.
func (f *fake) options(t *testing.T) Options {
	return Options{
		Env: config.Staging(), Cloud: f, CDK: f.cdk, Dir: t.TempDir(), Out: testWriter{t},
		Synthesize: func(_ context.Context, dir string) error {
			writeAssembly(t, dir, platformOf(config.Staging()))
			return nil
		},
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(text)))
	return len(text), nil
}

// cdk plays the CLI: deploy reads the template of the copy, as the CLI does, and
// destroy goes through the stacks backwards.
func (f *fake) cdk(ctx context.Context, arguments ...string) (string, error) {
	end := slices.Index(arguments, "--app")
	ids := slices.Clone(arguments[1:end])
	if arguments[0] == "bootstrap" {
		f.calls = append(f.calls, "bootstrap")
		return "", ctx.Err()
	}
	if arguments[0] == "destroy" && !f.forwards {
		slices.Reverse(ids)
	}
	var printed strings.Builder
	for _, id := range ids {
		call := arguments[0] + " " + id
		f.calls = append(f.calls, call)
		if f.onCall != nil {
			if err := f.onCall(call); err != nil {
				return "", err
			}
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		name := "wallet-staging-" + strings.ToLower(strings.TrimPrefix(id, "Staging/"))
		if arguments[0] == "destroy" {
			fmt.Fprintf(&printed, "%s (%s): destroying... [1/1]\n", id, name)
			f.delete(name)
		} else if err := f.deployStack(arguments[end+1], id, name); err != nil {
			return "", err
		}
	}
	return printed.String(), nil
}

func (f *fake) deployStack(dir, id, name string) error {
	stacks, err := cfn.Read(dir)
	require.NoError(f.t, err)
	for _, stack := range stacks {
		if stack.Name != name {
			continue
		}
		f.protected[name] = stack.TerminationProtection
		var template map[string]any
		require.NoError(f.t, json.Unmarshal(stack.Raw, &template))
		if old, ok := f.stacks[name]; ok && fmt.Sprint(old.template) == fmt.Sprint(template) {
			return nil
		}
		return f.make(stack, template)
	}
	return fmt.Errorf("no stack %s", id)
}

// make creates or updates a stack, and refuses what it cannot do.
func (f *fake) make(stack cfn.Stack, template map[string]any) error {
	made := fakeStack{region: stack.Region, status: "CREATE_COMPLETE", events: f.stacks[stack.Name].events + 1,
		resources: map[string]Resource{}, template: template, outputs: map[string]string{}}
	for id, one := range stack.Template.Resources {
		if f.unsupported[one.Type] {
			return errors.New("Unsupported resource type: " + one.Type)
		}
		if strings.Contains(fmt.Sprint(one.Properties), "Region:us-east-1") {
			return errors.New("a reference to another region was not filled in")
		}
		physical := stack.Name + "-" + id
		made.resources[id] = Resource{ID: physical, Type: one.Type}
		f.things[physical] = f.factsOf(id, one)
	}
	for key := range stack.Template.Outputs {
		made.outputs[key] = stack.Name + ":" + key
	}
	f.stacks[stack.Name] = made
	return nil
}

// factsOf are what the fake services say of a resource.
func (f *fake) factsOf(id string, one cfn.Resource) Facts {
	facts := Facts{"id": id}
	for key, value := range one.Properties {
		facts[key] = fmt.Sprint(value)
	}
	maps.Copy(facts, f.wrong[id])
	return facts
}

func (f *fake) Account(context.Context) (string, error) { return f.account, nil }

func (f *fake) Unprotect(_ context.Context, _, stack string) error {
	f.protected[stack] = false
	return nil
}

func (f *fake) Lacks(_ context.Context, types []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(types), func(name string) bool { return !f.unsupported[name] }), nil
}

func (f *fake) HostedZone(context.Context, string) (string, error) { return "ZEMULATOR", nil }

func (f *fake) BootstrapVersion(context.Context, string) (string, error) { return "33", nil }

func (f *fake) Stack(_ context.Context, region, name string) (stacks.Live, error) {
	stack, ok := f.stacks[name]
	if !ok || stack.region != region {
		return stacks.Live{}, nil
	}
	return stacks.Live{Status: types.StackStatus(stack.status), Outputs: stack.outputs, Updated: time.Unix(int64(stack.events), 0)}, nil
}

func (f *fake) Resources(_ context.Context, _, stack string) (map[string]Resource, error) {
	return f.stacks[stack].resources, nil
}

func (f *fake) Failures(context.Context, cfn.Stack) []string { return nil }

func (f *fake) delete(name string) {
	if f.deaf || f.protected[name] {
		return
	}
	resources, _ := f.stacks[name].template["Resources"].(map[string]any)
	for id, resource := range f.stacks[name].resources {
		policy, _ := resources[id].(map[string]any)["DeletionPolicy"].(string)
		if f.forgets || policy != "Retain" {
			delete(f.things, resource.ID)
		}
	}
	delete(f.stacks, name)
}

func (f *fake) Read(_ context.Context, _, kind, id string) (Facts, error) {
	if kind == "AWS::EC2::Route" {
		return nil, ErrNoReader
	}
	facts, ok := f.things[id]
	if !ok || f.hidden[facts["id"]] {
		return nil, ErrGone
	}
	return facts, nil
}
