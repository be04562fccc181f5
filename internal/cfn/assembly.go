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
	// Parameters are the values that a deployment gives the template's parameters; the
	// others have their defaults.
	Parameters map[string]string
	Path       string // of the template
	Template   Template
	Raw        []byte // the template's bytes
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
		Tags       map[string]string `json:"tags"`
		Parameters map[string]string `json:"parameters"`
	} `json:"properties"`
}

const manifestFile = "manifest.json"

// Read loads every stack of the assembly in dir and of the assemblies nested in
// it, in the order of their IDs. It fails where there is no assembly, no stack in it,
// or files of it cannot be read or lie elsewhere, and names each of them.
func Read(dir string) ([]Stack, error) {
	stacks, err := read(dir, nil)
	if err == nil && len(stacks) == 0 {
		err = fmt.Errorf("no stack in the cloud assembly in %s", dir)
	}
	return stacks, err
}

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
	manifests := append(slices.Clone(around), filepath.Join(place, manifestFile))
	files := folder{dir: dir, root: filepath.Dir(manifests[0])}
	if err := files.holds(place); err != nil {
		return nil, err
	}
	artifacts, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
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
			stack, err := readStack(files, entry, artifacts)
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

// folder is where an assembly's files are named from, and the outermost assembly,
// which holds them all: a file elsewhere is none of what was synthesized.
type folder struct{ dir, root string }

// path is where a file of the assembly is.
func (f folder) path(name string) (string, error) {
	path := filepath.Join(f.dir, name)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return path, f.holds(real)
	}
	return path, nil // it is not there: whoever reads it says so
}

func (f folder) holds(path string) error {
	if inside, err := filepath.Rel(f.root, path); err != nil || !filepath.IsLocal(inside) {
		return fmt.Errorf("%s is outside of the cloud assembly in %s", path, f.root)
	}
	return nil
}

func readManifest(dir string) (map[string]artifact, error) {
	var manifest struct {
		Artifacts map[string]artifact `json:"artifacts"`
	}
	if err := readJSON(filepath.Join(dir, manifestFile), &manifest); err != nil {
		return nil, fmt.Errorf("no cloud assembly in %s: %w", dir, err)
	}
	return manifest.Artifacts, nil
}

func readStack(files folder, entry artifact, siblings map[string]artifact) (Stack, error) {
	place := strings.Split(strings.TrimPrefix(entry.Environment, "aws://"), "/")
	// A stack of no environment goes wherever somebody signs in: it cannot be paired.
	if len(place) != 2 || place[0] == "unknown-account" || place[1] == "unknown-region" {
		return Stack{}, fmt.Errorf("%s: want aws://account/region, got %q", entry.DisplayName, entry.Environment)
	}
	if entry.Properties.StackName == "" {
		return Stack{}, fmt.Errorf("%s: want the stack's name, got nothing", entry.DisplayName)
	}
	stack := Stack{
		ID:                    stackID(entry),
		Name:                  entry.Properties.StackName,
		Account:               place[0],
		Region:                place[1],
		TerminationProtection: entry.Properties.TerminationProtection,
		BootstrapVersion:      max(entry.Properties.BootstrapVersion, entry.Properties.LookupRole.BootstrapVersion),
		Tags:                  entry.Properties.Tags,
		Parameters:            entry.Properties.Parameters,
	}
	for _, id := range entry.Dependencies {
		switch sibling := siblings[id]; sibling.Type {
		case entry.Type:
			stack.DependsOn = append(stack.DependsOn, sibling.Properties.StackName)
		case "cdk:asset-manifest":
			if sibling.Properties.File != "" {
				var err error
				if stack.assetList, err = files.path(sibling.Properties.File); err != nil {
					return Stack{}, err
				}
			}
		}
	}
	var err error
	if stack.Path, err = files.path(entry.Properties.TemplateFile); err != nil {
		return Stack{}, err
	}
	if stack.Assets, err = readAssets(stack.assetList); err != nil {
		return Stack{}, err
	}
	if stack.Notes, err = readNotes(files, entry); err != nil {
		return Stack{}, err
	}
	return stack, stack.readTemplate()
}

// readNotes collects what was said about a stack's constructs, which stands in
// the manifest or, when it is much, in a file beside it.
func readNotes(files folder, entry artifact) ([]Note, error) {
	if entry.MetadataFile != "" {
		path, err := files.path(entry.MetadataFile)
		if err != nil {
			return nil, err
		}
		if err := readJSON(path, &entry.Metadata); err != nil {
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
