package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wallet-infra/internal/cfn"
)

// Gap is a resource of the templates that the emulator cannot make: it is left out
// of the copy that is deployed, and counted.
type Gap struct {
	Stack     string `json:"stack"`
	LogicalID string `json:"logicalId"`
	Type      string `json:"type"`
	Why       string `json:"why"`
}

// The reasons of gaps. MiniStack itself says which types it lacks; that it knows a
// type and refuses some resources of it stands here, for release 1.5.33. A row that
// it no longer needs is deleted.
const (
	// noType is what the emulator answers for a type.
	noType = "the emulator does not know the type"
	// noFunctions: an emulator would wait an hour for each function that cannot answer.
	noFunctions = "its function would need a container runtime, and the database or brokers behind it"
	noMetrics   = "alarms on several metrics are not supported"
	noEndpoint  = "the endpoint's address is no attribute that it knows"
)

// refused says why the emulator refuses a resource of a type that it knows.
func refused(r cfn.Resource) string {
	switch {
	case strings.HasPrefix(r.Type, "Custom::"), r.Type == "AWS::CloudFormation::CustomResource":
		return noFunctions
	case r.Type == "AWS::CloudWatch::Alarm" && r.Properties["Metrics"] != nil:
		return noMetrics
	case r.Type == "AWS::ElastiCache::ReplicationGroup":
		return noEndpoint
	}
	return ""
}

// findGaps asks the emulator about the types of all stacks, and lists what it cannot
// make.
func findGaps(ctx context.Context, cloud Cloud, stacks []cfn.Stack) ([]Gap, error) {
	types := map[string]bool{}
	for _, stack := range stacks {
		for _, resource := range stack.Template.Resources {
			types[resource.Type] = true
		}
	}
	lacking, err := cloud.Lacks(ctx, slices.Sorted(maps.Keys(types)))
	if err != nil {
		return nil, fmt.Errorf("asking about types: %w", err)
	}
	var gaps []Gap
	for _, stack := range stacks {
		for _, id := range stack.Template.IDs() {
			resource := stack.Template.Resources[id]
			why := refused(resource)
			if slices.Contains(lacking, resource.Type) {
				why = noType
			}
			if why != "" {
				gaps = append(gaps, Gap{Stack: stack.ID, LogicalID: id, Type: resource.Type, Why: why})
			}
		}
	}
	return gaps, nil
}

// holdsNetwork is a type that goes in the copy though a template may retain it: what
// uses it there, the brokers, is left out, and it would keep the network from going.
// (On AWS `wallet ENV destroy` leaves Network out until they are gone.)
const holdsNetwork = "AWS::EC2::SecurityGroup"

// reduce returns a stack's template without the resources that the emulator cannot
// make, and with the outputs of other regions, where it does not look. What referred
// to a left-out resource gets a stand-in that says so, the same in every run.
func reduce(stack cfn.Stack, gaps []Gap, elsewhere []cfn.Stack) ([]byte, error) {
	missing := map[string]bool{}
	for _, gap := range gaps {
		if gap.Stack == stack.ID {
			missing[gap.LogicalID] = true
		}
	}
	resolver := cfn.Resolver{Stacks: elsewhere, Attribute: func(_ cfn.Stack, of cfn.Resource, attribute string, _ func(any) any) (any, bool) {
		return standIn(stack, of, attribute), missing[of.ID]
	}}
	// Without a place: what the emulator knows of it stays for the emulator to say.
	in := cfn.Stack{Template: stack.Template}
	var root cfn.Object
	if err := json.Unmarshal(stack.Raw, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", stack.ID, err)
	}
	resources := cfn.Object{}
	for id, resource := range stack.Template.Resources {
		if missing[id] {
			continue
		}
		body, _ := resolver.Resolve(in, cfn.Lookup(root, "Resources", id)).(cfn.Object)
		delete(body, "DependsOn")
		if kept := slices.DeleteFunc(slices.Clone(resource.DependsOn), func(on string) bool { return missing[on] }); len(kept) > 0 {
			body["DependsOn"] = kept
		}
		if resource.Type == holdsNetwork {
			delete(body, "DeletionPolicy")
		}
		resources[id] = body
	}
	root["Resources"] = resources
	if outputs := root["Outputs"]; outputs != nil {
		root["Outputs"] = resolver.Resolve(in, outputs)
	}
	return json.MarshalIndent(root, "", " ")
}

// standIn is the value of a left-out resource's reference or attribute: an ARN
// where one is wanted, a number for a port, else a name.
func standIn(stack cfn.Stack, of cfn.Resource, attribute string) string {
	switch {
	case strings.HasSuffix(attribute, "Arn"):
		service := strings.ToLower(strings.Split(of.Type+"::", "::")[1])
		return fmt.Sprintf("arn:aws:%s:%s:%s:not-exercised/%s", service, stack.Region, stack.Account, of.ID)
	case strings.HasSuffix(attribute, "Port"):
		return "65535"
	default:
		return "not-exercised-" + strings.ToLower(of.ID)
	}
}

// abroad says that an output is one of another region than the stack that reads it.
func abroad(stack cfn.Stack, to cfn.Reference) bool {
	return to.Region != "" && to.Region != stack.Region
}

// workspace is the copy of a cloud assembly that is deployed.
type workspace struct {
	source, copy string // directories
	stacks       []cfn.Stack
	keys         map[string]string // by stack, under which the copy uploads its template
}

// newWorkspace copies an assembly.
func newWorkspace(source, target string) (workspace, error) {
	if err := os.RemoveAll(target); err != nil {
		return workspace{}, err
	}
	if err := os.CopyFS(target, os.DirFS(source)); err != nil {
		return workspace{}, err
	}
	w := workspace{source: source, copy: target, keys: map[string]string{}}
	var err error
	w.stacks, err = cfn.Read(source)
	for _, stack := range w.stacks {
		for _, asset := range stack.Assets {
			if asset.Path == stack.Path {
				w.keys[stack.Name] = asset.Key
			}
		}
	}
	return w, err
}

// write puts the template that is to be deployed into the copy, under a key of its
// own, since the CLI does not upload an object again.
func (w workspace) write(stack cfn.Stack, template []byte) error {
	relative, err := filepath.Rel(w.source, stack.Path)
	if err != nil {
		return err
	}
	path := filepath.Join(w.copy, relative)
	sum := sha256.Sum256(template)
	key := hex.EncodeToString(sum[:]) + ".json"
	for _, file := range []string{strings.TrimSuffix(path, ".template.json") + ".assets.json", filepath.Join(filepath.Dir(path), "manifest.json")} {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if old := w.keys[stack.Name]; old == "" || !bytes.Contains(content, []byte(old)) {
			return fmt.Errorf("%s does not say under which key the template of %s is uploaded", file, stack.ID)
		}
		if err := os.WriteFile(file, bytes.ReplaceAll(content, []byte(w.keys[stack.Name]), []byte(key)), 0o600); err != nil {
			return err
		}
	}
	w.keys[stack.Name] = key
	return os.WriteFile(path, template, 0o600)
}
