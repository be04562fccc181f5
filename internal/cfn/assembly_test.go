package cfn

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write makes the files of an assembly, by their path below a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

// nested is an assembly as CDK writes it: a stage in a directory of its own, with
// two stacks, their assets, and a dependency.
var nested = map[string]string{
	"manifest.json": `{"artifacts": {
		"Tree": {"type": "cdk:tree"},
		"assembly-Production": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Production"}}}}`,
	"assembly-Production/manifest.json": `{"artifacts": {
		"Data.assets": {"type": "cdk:asset-manifest"},
		"Data": {"type": "aws:cloudformation:stack", "environment": "aws://210987654321/sa-east-1",
			"displayName": "Production/Data (wallet-production-data)", "dependencies": ["Network", "Data.assets"],
			"properties": {"templateFile": "Data.json", "stackName": "wallet-production-data", "terminationProtection": true,
				"requiresBootstrapStackVersion": 6, "lookupRole": {"requiresBootstrapStackVersion": 8}}},
		"Network": {"type": "aws:cloudformation:stack", "environment": "aws://210987654321/us-east-1",
			"displayName": "Production/ANetwork", "properties": {"templateFile": "Network.json", "stackName": "wallet-production-network"}}}}`,
	"assembly-Production/Data.json":    `{"Resources": {"A": {"Type": "AWS::S3::Bucket"}, "B": {"Type": "AWS::SNS::Topic"}}}`,
	"assembly-Production/Network.json": `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`,
}

func TestNoStackOfAStageIsOverlooked(t *testing.T) {
	stacks, err := Read(write(t, nested))
	require.NoError(t, err)
	require.Len(t, stacks, 2)
	assert.Equal(t, "Production/ANetwork", stacks[0].ID, "in the order of their IDs, whatever the manifest's")
	data := stacks[1]
	assert.Equal(t, "Production/Data", data.ID, "as the CDK CLI selects it, without the name in brackets")
	assert.Equal(t, "wallet-production-data", data.Name)
	assert.Equal(t, "210987654321", data.Account)
	assert.Equal(t, "sa-east-1", data.Region)
	assert.True(t, data.TerminationProtection)
	assert.False(t, stacks[0].TerminationProtection)
	assert.Equal(t, 8, data.BootstrapVersion, "the lookup role's, which is newer")
	assert.Equal(t, []string{"wallet-production-network"}, data.DependsOn, "assets are no stack")
	assert.Equal(t, nested["assembly-Production/Data.json"], string(data.Raw))
	assert.Len(t, data.Template.Resources, 2)
	assert.Len(t, data.Template.OfType("AWS::S3::Bucket"), 1)
	assert.Empty(t, data.Template.OfType("AWS::RDS::DBCluster"))
}

// with is the nested assembly with one file changed; an empty one is left out.
func with(name, content string) map[string]string {
	files := map[string]string{}
	for file, was := range nested {
		files[file] = was
	}
	files[name] = content
	if content == "" {
		delete(files, name)
	}
	return files
}

func TestAnAssemblyThatCannotBeReadIsNotTakenForAnEmptyOne(t *testing.T) {
	for name, broken := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no assembly":      {map[string]string{}, "no cloud assembly in "},
		"manifest cut off": {with("manifest.json", `{"artifacts"`), "not valid JSON"},
		"stage missing":    {with("assembly-Production/manifest.json", ""), "no cloud assembly in "},
		"template missing": {with("assembly-Production/Data.json", ""), "Data.json"},
		"template cut off": {with("assembly-Production/Data.json", `{"Resources"`), "Data.json: not a JSON object"},
		"environment cut off": {with("assembly-Production/manifest.json",
			`{"artifacts": {"Data": {"type": "aws:cloudformation:stack", "environment": "aws://2", "displayName": "Production/Data"}}}`),
			`Production/Data: want aws://account/region, got "aws://2"`},
		"no environment": {with("assembly-Production/manifest.json",
			`{"artifacts": {"Data": {"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region", "displayName": "Production/Data"}}}`),
			`Production/Data: want aws://account/region, got "aws://unknown-account/unknown-region"`},
		"no name of a stack": {with("assembly-Production/manifest.json",
			`{"artifacts": {"Data": {"type": "aws:cloudformation:stack", "environment": "aws://2/r", "displayName": "Production/Data"}}}`),
			"Production/Data: want the stack's name, got nothing"},
		"no stack":         {map[string]string{"manifest.json": `{"artifacts": {"Tree": {"type": "cdk:tree"}}}`}, "no stack in the cloud assembly in "},
		"template in YAML": {with("assembly-Production/Data.json", "Resources:\n  A:\n    Type: AWS::SNS::Topic"), "Data.json: not a JSON object"},
		"stage outside":    {with("manifest.json", `{"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": ".."}}}}`), "is outside of the cloud assembly in "},
	} {
		t.Run(name, func(t *testing.T) {
			stacks, err := Read(write(t, broken.files))
			require.ErrorContains(t, err, broken.want)
			assert.Empty(t, stacks)
		})
	}
}

// What lies elsewhere was not synthesized with the rest, and is not sealed with it.
func TestATemplateOutsideTheAssemblyIsRefused(t *testing.T) {
	const elsewhere = `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`
	manifest := func(template string) string {
		return `{"artifacts": {"S": {"type": "aws:cloudformation:stack", "environment": "aws://1/r", "displayName": "S", "properties": {"stackName": "s", "templateFile": "` + template + `"}}}}`
	}
	dir := write(t, map[string]string{"other.json": elsewhere, "out/manifest.json": manifest("../other.json"), "out/inner.json": elsewhere})
	_, err := Read(filepath.Join(dir, "out"))
	require.ErrorContains(t, err, "is outside of the cloud assembly in ")
	require.NoError(t, os.Symlink(filepath.Join(dir, "other.json"), filepath.Join(dir, "out", "link.json")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "out", "manifest.json"), []byte(manifest("link.json")), 0o600))
	_, err = Read(filepath.Join(dir, "out"))
	require.ErrorContains(t, err, "is outside of the cloud assembly in ")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "out", "manifest.json"), []byte(manifest("inner.json")), 0o600))
	_, err = Read(filepath.Join(dir, "out"))
	require.NoError(t, err)
}

func TestEveryFileThatCannotBeReadIsNamed(t *testing.T) {
	files := with("assembly-Production/Data.json", "{")
	delete(files, "assembly-Production/Network.json")
	_, err := Read(write(t, files))
	require.ErrorContains(t, err, "Data.json: not a JSON object")
	require.ErrorContains(t, err, "Network.json")
}

func TestEveryFindingOfEveryPluginIsRead(t *testing.T) {
	findings, err := Findings(write(t, map[string]string{"validation-report.json": `{"pluginReports": [
		{"violations": []},
		{"violations": [
			{"ruleName": "F3012", "description": "not a number", "severity": "error",
			 "violatingConstructs": [{"constructPath": "Production/Data/A"}, {"constructPath": "Production/Data/B"}]},
			{"ruleName": "W1", "description": "odd", "severity": "warning"}]},
		{"violations": [{"ruleName": "X", "description": "y", "severity": "error"}]}]}`}))
	require.NoError(t, err)
	assert.Equal(t, []Finding{
		{Rule: "F3012", Description: "not a number", Severity: "error", Construct: "Production/Data/A"},
		{Rule: "F3012", Description: "not a number", Severity: "error", Construct: "Production/Data/B"},
		{Rule: "W1", Description: "odd", Severity: "warning"},
		{Rule: "X", Description: "y", Severity: "error"},
	}, findings)
}

// CDK 2.270 matched an acknowledgement over the whole tree, and its flow log
// acknowledges the unknown property: a misspelt one passed anywhere.
func TestASilencedFindingStaysOneUnlessItIsAWarningBelowWhatAcknowledgesIt(t *testing.T) {
	for name, test := range map[string]struct{ severity, at, construct, want string }{
		"a warning on the construct itself": {"warning", "Staging/Data/A", "Staging/Data/A", ""},
		"a warning below it":                {"warning", "Staging/Data", "Staging/Data/A", ""},
		"a warning elsewhere":               {"warning", "Staging/Network/Vpc", "Staging/Data/A", "of another construct, Staging/Network/Vpc"},
		"a name that only begins alike":     {"warning", "Staging/Data", "Staging/Database", "of another construct"},
		"a whole environment":               {"warning", "Staging", "Staging/Data/A", "for a whole environment"},
		"the whole app":                     {"warning", "", "Staging/Data/A", "for a whole environment"},
		"a misspelt property":               {"fatal", "Staging/Data/A", "Staging/Data/A", "only warnings"},
		"an error":                          {"error", "Staging/Data/A", "Staging/Data/A", "only warnings"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, err := Findings(write(t, map[string]string{"validation-report.json": fmt.Sprintf(`{"pluginReports": [
				{"pluginName": "CloudFormation Validate", "violations": [], "suppressedViolations": [
				{"ruleName": "F3002", "description": "no such property", "severity": %q, "acknowledgedAt": %q,
				"violatingConstructs": [{"constructPath": %q}]}]}]}`, test.severity, test.at, test.construct)}))
			require.NoError(t, err)
			if test.want == "" {
				assert.Empty(t, findings)
				return
			}
			require.Len(t, findings, 1)
			assert.Equal(t, test.construct, findings[0].Construct)
			assert.Contains(t, findings[0].Description, test.want)
		})
	}
}

func TestASynthesisWithoutValidationIsNotTakenForAFaultlessOne(t *testing.T) {
	_, err := Findings(write(t, nested))
	require.ErrorContains(t, err, "validation-report.json")
	_, err = Findings(write(t, map[string]string{"validation-report.json": `{`}))
	require.ErrorContains(t, err, "not valid JSON")
}

// A stack that is deployed before what it reads fails; one that is removed after it
// takes away what is still read.
func TestStacksAreOrderedByWhatTheyNeed(t *testing.T) {
	stacks := []Stack{
		{ID: "E/Compute", Name: "compute", DependsOn: []string{"data", "network", "of another environment"}},
		{ID: "E/Network", Name: "network"},
		{ID: "E/Data", Name: "data", DependsOn: []string{"network", "global"}},
		{ID: "E/Global", Name: "global"},
	}
	ordered, err := InOrder(stacks)
	require.NoError(t, err)
	var ids []string
	for _, stack := range ordered {
		ids = append(ids, stack.ID)
	}
	assert.Equal(t, []string{"E/Global", "E/Network", "E/Data", "E/Compute"}, ids)
	assert.Equal(t, "E/Compute", stacks[0].ID, "the argument stays as it is")

	stacks[1].DependsOn = []string{"compute"}
	_, err = InOrder(stacks)
	require.ErrorContains(t, err, "in a circle")
}
