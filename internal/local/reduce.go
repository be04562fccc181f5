package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
	Why       string `json:"why"` // in the emulator's words
}

// holdsNetwork is a type that goes in the copy though a template may retain it: what
// uses it there, the brokers, is left out, and it would keep the network from going.
// (On AWS `wallet ENV destroy` leaves Network out until they are gone.)
const holdsNetwork = "AWS::EC2::SecurityGroup"

// references replaces what refers to left-out resources in one template.
type references struct {
	stack   cfn.Stack
	missing map[string]Gap // by logical ID
	// output answers Fn::GetStackOutput of another region, with false for what the
	// emulator resolves by itself.
	output func(stack, region, name string) (string, bool)
}

// reduce returns the template without the missing resources. What referred to
// them gets a stand-in that says so, the same in every run.
func (r references) reduce(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var template map[string]any
	if err := decoder.Decode(&template); err != nil {
		return nil, fmt.Errorf("%s: %w", r.stack.ID, err)
	}
	resources, _ := template["Resources"].(map[string]any)
	for id := range r.missing {
		delete(resources, id)
	}
	for _, resource := range resources {
		if body, ok := resource.(map[string]any); ok {
			r.dropDependencies(body)
			if body["Type"] == holdsNetwork {
				delete(body, "DeletionPolicy")
			}
		}
	}
	for _, section := range []string{"Resources", "Outputs"} {
		if part, ok := template[section]; ok {
			template[section] = r.replace(part)
		}
	}
	return json.MarshalIndent(template, "", " ")
}

// dropDependencies removes left-out resources from a resource's DependsOn.
func (r references) dropDependencies(resource map[string]any) {
	var kept []any
	switch depends := resource["DependsOn"].(type) {
	case nil:
		return
	case string:
		kept = []any{depends}
	case []any:
		kept = slices.Clone(depends)
	}
	kept = slices.DeleteFunc(kept, func(id any) bool {
		name, _ := id.(string)
		_, missing := r.missing[name]
		return missing
	})
	resource["DependsOn"] = kept
	if len(kept) == 0 {
		delete(resource, "DependsOn")
	}
}

// replace walks a part of a template.
func (r references) replace(value any) any {
	switch part := value.(type) {
	case []any:
		for i := range part {
			part[i] = r.replace(part[i])
		}
	case map[string]any:
		if len(part) == 1 {
			if stand, ok := r.intrinsic(part); ok {
				return stand
			}
		}
		for key := range part {
			part[key] = r.replace(part[key])
		}
	}
	return value
}

// intrinsic gives the stand-in of a reference, if it needs one.
func (r references) intrinsic(call map[string]any) (any, bool) {
	if id, ok := call["Ref"].(string); ok {
		return r.standIn(id, "")
	}
	if attribute, ok := call["Fn::GetAtt"].([]any); ok && len(attribute) == 2 {
		return r.standIn(fmt.Sprint(attribute[0]), fmt.Sprint(attribute[1]))
	}
	if text, ok := call["Fn::Sub"].(string); ok {
		call["Fn::Sub"] = r.substitute(text)
	}
	if parts, ok := call["Fn::Sub"].([]any); ok && len(parts) == 2 {
		if text, ok := parts[0].(string); ok {
			parts[0] = r.substitute(text)
		}
	}
	if output, ok := call["Fn::GetStackOutput"].(map[string]any); ok && r.output != nil {
		return r.output(fmt.Sprint(output["StackName"]), fmt.Sprint(output["Region"]), fmt.Sprint(output["OutputName"]))
	}
	return nil, false
}

// variable is a reference within Fn::Sub.
var variable = regexp.MustCompile(`\$\{([A-Za-z0-9]+)(?:\.([A-Za-z0-9.]+))?\}`)

func (r references) substitute(text string) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		match := variable.FindStringSubmatch(found)
		if stand, ok := r.standIn(match[1], match[2]); ok {
			return fmt.Sprint(stand)
		}
		return found
	})
}

// standIn is the value of a left-out resource's reference or attribute: an ARN
// where one is wanted, a number for a port, else a name.
func (r references) standIn(id, attribute string) (any, bool) {
	gap, missing := r.missing[id]
	if !missing {
		return nil, false
	}
	switch {
	case strings.HasSuffix(attribute, "Arn"):
		service := strings.ToLower(strings.Split(gap.Type+"::", "::")[1])
		return fmt.Sprintf("arn:aws:%s:%s:%s:not-exercised/%s", service, r.stack.Region, r.stack.Account, id), true
	case strings.HasSuffix(attribute, "Port"):
		return "65535", true
	default:
		return "not-exercised-" + strings.ToLower(id), true
	}
}

// workspace is the copy of a cloud assembly that is deployed.
type workspace struct {
	source, copy string // directories
	stacks       []cfn.Stack
}

// newWorkspace copies an assembly.
func newWorkspace(source, target string) (workspace, error) {
	if err := os.RemoveAll(target); err != nil {
		return workspace{}, err
	}
	if err := os.CopyFS(target, os.DirFS(source)); err != nil {
		return workspace{}, err
	}
	stacks, err := cfn.Read(source)
	return workspace{source: source, copy: target, stacks: stacks}, err
}

// write puts the template that is to be deployed into the copy, under a name of
// its own in the asset manifest, since the CLI does not upload an object again.
func (w workspace) write(stack cfn.Stack, template []byte, limits Limits) error {
	path, err := w.pathOf(stack)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, template, 0o600); err != nil {
		return err
	}
	sum := sha256.Sum256(template)
	key := hex.EncodeToString(sum[:]) + ".json"
	dir, file := filepath.Split(path)
	id := strings.TrimSuffix(file, ".template.json")
	if err := edit(filepath.Join(dir, id+".assets.json"), func(manifest map[string]any) {
		editAssets(manifest, file, key, limits)
	}); err != nil {
		return err
	}
	return edit(filepath.Join(dir, "manifest.json"), func(manifest map[string]any) {
		editStack(manifest, id, key, limits)
	})
}

// pathOf is where the copy has a stack's template.
func (w workspace) pathOf(stack cfn.Stack) (string, error) {
	relative, err := filepath.Rel(w.source, stack.Path)
	return filepath.Join(w.copy, relative), err
}

// editAssets renames the template among the files to upload and, where roles do not
// work, lets the CLI upload with the credentials that it has.
func editAssets(manifest map[string]any, template, key string, limits Limits) {
	files, _ := manifest["files"].(map[string]any)
	for _, entry := range files {
		source := dig(entry, "source")
		destinations := dig(entry, "destinations")
		for _, destination := range destinations {
			place, _ := destination.(map[string]any)
			if source["path"] == template {
				place["objectKey"] = key
			}
			if limits.LosesRoleAccount {
				delete(place, "assumeRoleArn")
			}
		}
	}
}

// editStack points a stack at its renamed template, and takes away what the emulator
// would stumble over.
func editStack(manifest map[string]any, id, key string, limits Limits) {
	properties := dig(dig(manifest["artifacts"], id), "properties")
	if url, ok := properties["stackTemplateAssetObjectUrl"].(string); ok {
		properties["stackTemplateAssetObjectUrl"] = url[:strings.LastIndex(url, "/")+1] + key
	}
	if limits.ProtectsNoStack {
		properties["terminationProtection"] = false
	}
	if limits.LosesRoleAccount {
		for _, name := range []string{"assumeRoleArn", "lookupRole"} {
			delete(properties, name)
		}
	}
}

// dig returns a map's entry that is a map, or an empty map.
func dig(value any, key string) map[string]any {
	parent, _ := value.(map[string]any)
	child, ok := parent[key].(map[string]any)
	if !ok {
		return map[string]any{}
	}
	return child
}

// edit changes a JSON file.
func edit(path string, change func(map[string]any)) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var document map[string]any
	if err := json.Unmarshal(content, &document); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	change(document)
	if content, err = json.MarshalIndent(document, "", " "); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}
