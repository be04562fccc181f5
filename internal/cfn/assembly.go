package cfn

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stack is one stack of an assembly with its template.
type Stack struct {
	ID                    string // as the CDK CLI selects it, such as "Production/Network"
	Name                  string // in CloudFormation, such as "wallet-production-network"
	Account, Region       string
	TerminationProtection bool
	// BootstrapVersion is the version of the CDK bootstrap that the stack's deployment
	// and its lookup role need.
	BootstrapVersion int
	Tags             map[string]string
	DependsOn        []string // the names of the stacks that are deployed before it
	Notes            []Note   // in the order of their constructs
	Path             string   // of the template
	Template         Template
	Raw              []byte // the template's bytes
	// Assets are what the CDK CLI uploads before it deploys the stack, the template
	// itself among it.
	Assets []Asset

	manifests []string // paths of the manifests that name the stack, outermost first
	assetList string   // path of the list of Assets; empty where there is none
}

// Note is something that was said about a construct at synthesis.
type Note struct {
	Level     string `json:"type"` // such as "aws:cdk:error"
	Text      any    `json:"data"`
	Construct string `json:"-"` // its path
}

// Template is the part of a CloudFormation template that this repository reads.
type Template struct {
	Resources map[string]Resource `json:"Resources"`
	Outputs   map[string]any      `json:"Outputs"`
}

// Resource is one resource of a template.
type Resource struct {
	Type                string         `json:"Type"`
	Properties          map[string]any `json:"Properties"`
	DependsOn           any            `json:"DependsOn"`
	DeletionPolicy      string         `json:"DeletionPolicy"`
	UpdateReplacePolicy string         `json:"UpdateReplacePolicy"`
	Metadata            map[string]any `json:"Metadata"`
}

// artifact is an entry of an assembly's manifest.
type artifact struct {
	Type         string            `json:"type"`
	Environment  string            `json:"environment"` // "aws://account/region"
	DisplayName  string            `json:"displayName"`
	Dependencies []string          `json:"dependencies"`
	Metadata     map[string][]Note `json:"metadata"` // by construct path
	// MetadataFile holds the metadata of a stack that has much of it.
	MetadataFile string `json:"additionalMetadataFile"`
	Properties   struct {
		TemplateFile          string `json:"templateFile"`
		File                  string `json:"file"` // of a list of assets
		StackName             string `json:"stackName"`
		DirectoryName         string `json:"directoryName"`
		TerminationProtection bool   `json:"terminationProtection"`
		BootstrapVersion      int    `json:"requiresBootstrapStackVersion"`
		LookupRole            struct {
			BootstrapVersion int `json:"requiresBootstrapStackVersion"`
		} `json:"lookupRole"`
		Tags map[string]string `json:"tags"`
	} `json:"properties"`
}

// Read loads every stack of the assembly in dir and of the assemblies nested in
// it, in the order of their IDs. It fails where there is no assembly or files of
// it cannot be read, and names each of them.
func Read(dir string) ([]Stack, error) { return read(dir, nil) }

// read reads an assembly that is nested in others (around, outermost first), whose
// manifests decide what it is.
func read(dir string, around []string) ([]Stack, error) {
	place, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("no cloud assembly in %s: %w", dir, err)
	}
	if slices.ContainsFunc(around, func(outer string) bool { return filepath.Dir(outer) == place }) {
		return nil, fmt.Errorf("the assembly in %s is nested in itself", dir)
	}
	artifacts, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	manifests := append(slices.Clone(around), filepath.Join(place, "manifest.json"))
	var stacks []Stack
	var problems []error
	for _, id := range slices.Sorted(maps.Keys(artifacts)) {
		entry := artifacts[id]
		switch entry.Type {
		case "cdk:cloud-assembly":
			nested, err := read(filepath.Join(dir, entry.Properties.DirectoryName), manifests)
			problems = append(problems, err)
			stacks = append(stacks, nested...)
		case "aws:cloudformation:stack":
			stack, err := readStack(dir, entry, artifacts)
			stack.manifests = manifests
			problems = append(problems, err)
			stacks = append(stacks, stack)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	slices.SortFunc(stacks, func(a, b Stack) int { return cmp.Compare(a.ID, b.ID) })
	return stacks, nil
}

// InOrder sorts stacks so that each comes after those that it needs, and otherwise
// by their IDs; a removal takes them backwards. It fails when they need each other
// in a circle.
func InOrder(stacks []Stack) ([]Stack, error) {
	waiting := map[string]bool{}
	for _, stack := range stacks {
		waiting[stack.Name] = true
	}
	left := slices.Clone(stacks)
	slices.SortFunc(left, func(a, b Stack) int { return cmp.Compare(a.ID, b.ID) })
	var ordered []Stack
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(stack Stack) bool {
			return !slices.ContainsFunc(stack.DependsOn, func(name string) bool { return waiting[name] })
		})
		if next < 0 {
			return nil, fmt.Errorf("the stacks need each other in a circle: %s and %d more", left[0].ID, len(left)-1)
		}
		ordered = append(ordered, left[next])
		delete(waiting, left[next].Name)
		left = slices.Delete(left, next, next+1)
	}
	return ordered, nil
}

func readManifest(dir string) (map[string]artifact, error) {
	var manifest struct {
		Artifacts map[string]artifact `json:"artifacts"`
	}
	if err := readJSON(filepath.Join(dir, "manifest.json"), &manifest); err != nil {
		return nil, fmt.Errorf("no cloud assembly in %s: %w", dir, err)
	}
	return manifest.Artifacts, nil
}

func readStack(dir string, entry artifact, siblings map[string]artifact) (Stack, error) {
	place := strings.Split(strings.TrimPrefix(entry.Environment, "aws://"), "/")
	if len(place) != 2 {
		return Stack{}, fmt.Errorf("%s: want aws://account/region, got %q", entry.DisplayName, entry.Environment)
	}
	stack := Stack{
		ID:                    stackID(entry),
		Name:                  entry.Properties.StackName,
		Account:               place[0],
		Region:                place[1],
		TerminationProtection: entry.Properties.TerminationProtection,
		BootstrapVersion:      max(entry.Properties.BootstrapVersion, entry.Properties.LookupRole.BootstrapVersion),
		Tags:                  entry.Properties.Tags,
		Path:                  filepath.Join(dir, entry.Properties.TemplateFile),
	}
	for _, id := range entry.Dependencies {
		switch sibling := siblings[id]; sibling.Type {
		case entry.Type:
			stack.DependsOn = append(stack.DependsOn, sibling.Properties.StackName)
		case "cdk:asset-manifest":
			if sibling.Properties.File != "" {
				stack.assetList = filepath.Join(dir, sibling.Properties.File)
			}
		}
	}
	var err error
	if stack.Assets, err = readAssets(stack.assetList); err != nil {
		return Stack{}, err
	}
	if stack.Notes, err = readNotes(dir, entry); err != nil {
		return Stack{}, err
	}
	if stack.Raw, err = os.ReadFile(stack.Path); err != nil {
		return Stack{}, err
	}
	if err := json.Unmarshal(stack.Raw, &stack.Template); err != nil {
		return Stack{}, fmt.Errorf("%s: not valid JSON: %w", stack.Path, err)
	}
	return stack, nil
}

// readNotes collects what was said about a stack's constructs, which stands in
// the manifest or, when it is much, in a file beside it.
func readNotes(dir string, entry artifact) ([]Note, error) {
	if entry.MetadataFile != "" {
		if err := readJSON(filepath.Join(dir, entry.MetadataFile), &entry.Metadata); err != nil {
			return nil, err
		}
	}
	var notes []Note
	for _, path := range slices.Sorted(maps.Keys(entry.Metadata)) {
		for _, note := range entry.Metadata[path] {
			note.Construct = path
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// stackID drops the stack's name, which the CLI shows in brackets behind the ID.
func stackID(entry artifact) string {
	id, _, _ := strings.Cut(entry.DisplayName, " ")
	return id
}

// OfType returns the template's resources of a type, by logical ID.
func (t Template) OfType(resourceType string) map[string]Resource {
	found := map[string]Resource{}
	for id, resource := range t.Resources {
		if resource.Type == resourceType {
			found[id] = resource
		}
	}
	return found
}

func readJSON(path string, into any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: not valid JSON: %w", path, err)
	}
	return nil
}
