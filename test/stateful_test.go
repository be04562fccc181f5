package test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/schema"
)

// update rewrites committed data from what is synthesized, instead of comparing.
var update = flag.Bool("update", false, "rewrite generated files; the stateful lock only with -run TestStatefulLock")

const (
	lockFile   = "testdata/stateful.lock.json"
	schemaFile = "../internal/schema/schema.json"
)

// lockedStacks are the locked resources of one environment, by stack and
// logical ID.
type lockedStacks map[string]map[string]locked

// locked is the identity of a resource: change it, and CloudFormation makes
// another one.
type locked struct {
	Type     string         `json:"type"`
	Replaces map[string]any `json:"replaces"` // the values that cannot change in place
}

// TestStatefulLock protects what cannot be made again. A resource's logical ID and
// the properties that CloudFormation cannot change in place are its identity.
func TestStatefulLock(t *testing.T) {
	if lockRequested() {
		types := slices.Sorted(maps.Keys(typesInUse(t)))
		extract, err := schema.Extract(filepath.Join("..", schema.Database), types)
		require.NoError(t, err)
		for _, name := range types {
			known := extract[name] // nothing of a custom resource, which its entry makes known
			extract[name] = known
		}
		writeJSON(t, schemaFile, extract)
		writeJSON(t, lockFile, currentIdentities(t))
		return
	}
	content, err := os.ReadFile(lockFile)
	require.NoError(t, err)
	var before map[string]lockedStacks
	require.NoError(t, json.Unmarshal(content, &before))
	now := currentIdentities(t)
	for _, name := range slices.Sorted(maps.Keys(platform(t))) {
		t.Run(name, func(t *testing.T) {
			for _, problem := range compareLocks(before[name], now[name], platform(t)[name]) {
				t.Error(problem)
			}
		})
	}
	for name := range before {
		assert.Containsf(t, platform(t), name, "environment %s is gone: everything it holds would be orphaned", name)
	}
}

func TestEverySchemaThatTheLockNeedsIsCommitted(t *testing.T) {
	known := knownTypes(t)
	for _, name := range slices.Sorted(maps.Keys(typesInUse(t))) {
		assert.Containsf(t, known, name, "CloudFormation's schema of %s is not in %s: run `make lock`", name, schemaFile)
	}
}

// lockRequested wants both the flag and the test's name, so that renewing the other
// generated files never accepts a changed identity by the way.
func lockRequested() bool {
	run := flag.Lookup("test.run")
	return *update && run != nil && strings.Contains(run.Value.String(), "TestStatefulLock")
}

// knownTypes is the committed extract of CloudFormation's schemas.
func knownTypes(t *testing.T) schema.Types {
	t.Helper()
	content, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	types, err := schema.Read(content)
	require.NoError(t, err)
	return types
}

// currentIdentities reads the locked part of every template.
func currentIdentities(t *testing.T) map[string]lockedStacks {
	t.Helper()
	types := knownTypes(t)
	identities := map[string]lockedStacks{}
	for name, env := range platform(t) {
		identities[name] = lockedStacks{}
		for _, stack := range env.stacks {
			resources := map[string]locked{}
			for id, r := range stack.Resources {
				if isLocked(r) {
					resources[id] = locked{Type: r.Type, Replaces: replacing(types[r.Type], r.Properties)}
				}
			}
			if len(resources) > 0 {
				identities[name][stack.name+" in "+stack.region] = resources
			}
		}
	}
	return identities
}

func isLocked(r resource) bool {
	switch classification[r.Type] {
	case keeps, carries:
		return true
	case evidence:
		return slices.Contains(retained, r.DeletionPolicy)
	default:
		return false
	}
}

// replacing picks the values of the properties that replace a resource. A path may
// lead through a list, whose values are then listed.
func replacing(known schema.Type, values map[string]any) map[string]any {
	picked := map[string]any{}
	for path := range known.Replaces {
		if value := pick(values, strings.Split(path, ".")); value != nil {
			picked[path] = value
		}
	}
	return picked
}

func pick(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	switch form := value.(type) {
	case map[string]any:
		return pick(form[path[0]], path[1:])
	case []any:
		var picked []any
		for _, element := range form {
			if found := pick(element, path); found != nil {
				picked = append(picked, found)
			}
		}
		if picked == nil {
			return nil
		}
		return picked
	default:
		return nil
	}
}

// compareLocks says, for each difference, what a deployment would do.
func compareLocks(before, now lockedStacks, env environment) []string {
	var problems []string
	for _, stack := range slices.Sorted(maps.Keys(before)) {
		for _, id := range slices.Sorted(maps.Keys(before[stack])) {
			was := before[stack][id]
			is, there := now[stack][id]
			switch {
			case !there:
				problems = append(problems, fmt.Sprintf("%s: %s (%s) is gone or has another logical ID: %s", stack, id, was.Type, loss(was.Type, "")))
			case was.Type != is.Type:
				problems = append(problems, fmt.Sprintf("%s: %s was a %s and is a %s: %s", stack, id, was.Type, is.Type, loss(was.Type, "")))
			default:
				policy := policyOf(env, stack, id)
				problems = append(problems, compareIdentity(stack, id, was, is, policy)...)
			}
		}
	}
	for _, stack := range slices.Sorted(maps.Keys(now)) {
		for _, id := range slices.Sorted(maps.Keys(now[stack])) {
			if _, known := before[stack][id]; !known {
				problems = append(problems, fmt.Sprintf("%s: %s (%s) is new: lock its identity with `make lock`", stack, id, now[stack][id].Type))
			}
		}
	}
	return problems
}

func compareIdentity(stack, id string, was, is locked, policy string) []string {
	var problems []string
	paths := maps.Clone(was.Replaces)
	maps.Copy(paths, is.Replaces)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if !reflect.DeepEqual(was.Replaces[path], is.Replaces[path]) {
			problems = append(problems, fmt.Sprintf("%s: %s (%s): %s changes from %s to %s, which replaces the resource: %s", stack, id, was.Type, path,
				compact(was.Replaces[path]), compact(is.Replaces[path]), loss(was.Type, policy)))
		}
	}
	return problems
}

// loss says what a deployment would do to a resource that is replaced or gone.
func loss(resourceType, policy string) string {
	const accept = ". If that is meant, accept it with `make lock`, in a change of its own, with the migration of the data"
	switch {
	case classification[resourceType] == carries:
		return "it is destroyed, and what depends on it is cut off or replaced with it" + accept
	case policy == "Delete":
		return "it is DESTROYED with everything in it" + accept
	case policy == "Snapshot":
		return "it is destroyed after a snapshot, and what takes its place starts empty" + accept
	default:
		return "it is ORPHANED: it stays in the account, unmanaged and paid for, and what takes its place starts empty; " +
			"with a fixed physical name the deployment fails instead" + accept
	}
}

func policyOf(env environment, stack, id string) string {
	name, _, _ := strings.Cut(stack, " in ")
	return env.stacks[name[len(env.Names().StackName("")):]].Resources[id].UpdateReplacePolicy
}

func compact(value any) string {
	if value == nil {
		return "nothing"
	}
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(content)
}

func writeJSON(t *testing.T, path string, value any) {
	t.Helper()
	content, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, append(content, '\n'), 0o644))
}

func TestTheLockSaysWhatWouldBeLost(t *testing.T) {
	before := lockedStacks{"wallet-production-data in sa-east-1": {
		"Cluster": {Type: "AWS::RDS::DBCluster", Replaces: map[string]any{"KmsKeyId": "a"}},
		"Vpc":     {Type: "AWS::EC2::VPC", Replaces: map[string]any{"CidrBlock": "10.0.0.0/16"}},
		"Bucket":  {Type: "AWS::S3::Bucket", Replaces: map[string]any{}},
	}}
	now := lockedStacks{"wallet-production-data in sa-east-1": {
		"Cluster": {Type: "AWS::RDS::DBCluster", Replaces: map[string]any{"KmsKeyId": "b"}},
		"Vpc":     {Type: "AWS::EC2::VPC", Replaces: map[string]any{}},
		"Topic":   {Type: "AWS::MSK::Topic", Replaces: map[string]any{}},
	}}
	problems := strings.Join(compareLocks(before, now, platform(t)["production"]), "\n")
	assert.Contains(t, problems, `Cluster (AWS::RDS::DBCluster): KmsKeyId changes from "a" to "b", which replaces the resource: it is ORPHANED`)
	assert.Contains(t, problems, "Vpc (AWS::EC2::VPC): CidrBlock changes from \"10.0.0.0/16\" to nothing, which replaces the resource: it is destroyed, and what depends on it is cut off")
	assert.Contains(t, problems, "Bucket (AWS::S3::Bucket) is gone or has another logical ID: it is ORPHANED")
	assert.Contains(t, problems, "Topic (AWS::MSK::Topic) is new")
}
