package cfn

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withAssets is an assembly of one stack with a template and a function, laid out as
// CDK lays them out.
func withAssets(t *testing.T) string {
	t.Helper()
	return write(t, map[string]string{
		"manifest.json": `{"artifacts": {"assembly-E": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-E"}}}}`,
		"assembly-E/manifest.json": `{"artifacts": {
			"Data.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Data.assets.json"}},
			"Data": {"type": "aws:cloudformation:stack", "environment": "aws://1/sa-east-1", "displayName": "E/Data", "dependencies": ["Data.assets"],
				"properties": {"templateFile": "Data.json", "stackName": "data"}}}}`,
		"assembly-E/Data.json": `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`,
		"assembly-E/Data.assets.json": `{"files": {
			"f00": {"source": {"path": "../asset.f00", "packaging": "zip"}, "destinations": {"x": {"bucketName": "assets", "objectKey": "f00.zip"}}},
			"7e3": {"source": {"path": "Data.json", "packaging": "file"}, "destinations": {"x": {"bucketName": "assets", "objectKey": "7e3.json"}}}},
			"dockerImages": {}}`,
		"asset.f00/bootstrap":  "program",
		"asset.f00/lib/helper": "helper",
		"tree.json":            "{}",
	})
}

func TestAStackKnowsWhatIsUploadedForIt(t *testing.T) {
	dir := withAssets(t)
	stacks, err := Read(dir)
	require.NoError(t, err)
	assert.Equal(t, []Asset{
		{ID: "7e3", Path: filepath.Join(dir, "assembly-E", "Data.json"), Bucket: "assets", Key: "7e3.json"},
		{ID: "f00", Path: filepath.Join(dir, "asset.f00"), Zip: true, Bucket: "assets", Key: "f00.zip"},
	}, stacks[0].Assets)
}

// Whatever another program changes of what the CLI will read is a different deployment.
func TestASealBreaksWithEveryFileThatADeploymentReads(t *testing.T) {
	put := func(name, content string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600) }
	}
	for name, change := range map[string]struct {
		act    func(dir string) error
		breaks bool
	}{
		"nothing":                 {func(string) error { return nil }, false},
		"a file of no deployment": {put("tree.json", "[]"), false},
		"the template":            {put("assembly-E/Data.json", `{"Resources": {"T": {"Type": "AWS::SNS::Topic"} } }`), true},
		"the list of assets":      {put("assembly-E/Data.assets.json", `{}`), true},
		"the inner manifest":      {put("assembly-E/manifest.json", `{}`), true},
		"the outer manifest":      {put("manifest.json", `{}`), true},
		"a function's code":       {put("asset.f00/bootstrap", "Program"), true},
		"a file more":             {put("asset.f00/more", ""), true},
		"a file renamed": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "asset.f00/bootstrap"), filepath.Join(dir, "asset.f00/Bootstrap"))
		}, true},
		"a right to execute": {func(dir string) error { return os.Chmod(filepath.Join(dir, "asset.f00/bootstrap"), 0o700) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := withAssets(t)
			stacks, err := Read(dir)
			require.NoError(t, err)
			before, err := stacks[0].Seal()
			require.NoError(t, err)
			require.NoError(t, change.act(dir))
			after, err := stacks[0].Seal()
			require.NoError(t, err)
			assert.Equal(t, change.breaks, before != after)
		})
	}
	dir := withAssets(t)
	stacks, err := Read(dir)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "asset.f00")))
	_, err = stacks[0].Seal()
	require.ErrorContains(t, err, "asset.f00", "code that is gone is not code that is right")
}

func TestAssetsThatCannotBeReadAreNoEmptyList(t *testing.T) {
	for content, want := range map[string]string{
		"{":                           "Data.assets.json: not valid JSON",
		`{"dockerImages": {"x": {}}}`: "images as assets are not known here",
	} {
		dir := withAssets(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "assembly-E/Data.assets.json"), []byte(content), 0o600))
		_, err := Read(dir)
		require.ErrorContains(t, err, want)
	}
}

// It once took 905 MB and a stack overflow.
func TestAnAssemblyThatIsNestedInItselfIsRefusedInOneLine(t *testing.T) {
	nested := func(directory string) string {
		return `{"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "` + directory + `"}}}}`
	}
	for name, files := range map[string]map[string]string{
		"by a dot":          {"manifest.json": nested(".")},
		"by no name":        {"manifest.json": nested("")},
		"by a parent":       {"manifest.json": nested("inner"), "inner/manifest.json": nested("..")},
		"by a longer chain": {"manifest.json": nested("a"), "a/manifest.json": nested("b"), "a/b/manifest.json": nested("../../a")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(write(t, files))
			require.ErrorContains(t, err, "is nested in itself")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	dir := write(t, map[string]string{"manifest.json": nested("inner")})
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "inner")))
	_, err := Read(dir)
	require.ErrorContains(t, err, "is nested in itself")
}
