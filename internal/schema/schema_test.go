package schema

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write makes a database in the form of the npm package and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db.json.gz")
	file, err := os.Create(path)
	require.NoError(t, err)
	packed := gzip.NewWriter(file)
	_, err = packed.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	require.NoError(t, file.Close())
	return path
}

// A property that is left out is one whose change destroys data unnoticed.
func TestEveryPropertyThatReplacesIsExtracted(t *testing.T) {
	types, err := Extract(write(t, `{"schema": {
		"resource": {"entities": [
			{"cloudFormationType": "AWS::X::Store", "isStateful": true, "tagInformation": {"tagPropertyName": "Tags"}, "properties": {
				"Name": {"causesReplacement": "yes", "type": {"type": "string"}},
				"Maybe": {"causesReplacement": "maybe", "type": {"type": "ref", "reference": {"$ref": "1"}}},
				"Free": {"causesReplacement": "no", "type": {"type": "ref", "reference": {"$ref": "1"}}},
				"Whole": {"causesReplacement": "yes", "type": {"type": "ref", "reference": {"$ref": "1"}}},
				"List": {"type": {"type": "array", "element": {"type": "ref", "reference": {"$ref": "2"}}}}}},
			{"cloudFormationType": "AWS::X::Plain", "properties": {}}]},
		"typeDefinition": {"entities": [
			{"$id": "1", "properties": {"Inner": {"causesReplacement": "yes", "type": {"type": "string"}}, "Other": {"type": {"type": "string"}}}},
			{"$id": "2", "properties": {"Self": {"causesReplacement": "no", "type": {"type": "ref", "reference": {"$ref": "2"}}},
				"Deep": {"causesReplacement": "maybe", "type": {"type": "string"}}}}]}}}`),
		[]string{"AWS::X::Store", "AWS::X::Plain", "Custom::Unknown"})
	require.NoError(t, err)
	store := types["AWS::X::Store"]
	assert.True(t, store.Stateful)
	assert.Equal(t, "Tags", store.Tags)
	assert.Equal(t, Always, store.Replaces["Name"])
	assert.Equal(t, Maybe, store.Replaces["Maybe"])
	assert.Equal(t, Always, store.Replaces["Maybe.Inner"])
	assert.Equal(t, Always, store.Replaces["Free.Inner"])
	assert.Equal(t, Always, store.Replaces["Whole"])
	assert.NotContains(t, store.Replaces, "Whole.Inner", "the whole is replaced anyway")
	assert.NotContains(t, store.Replaces, "Free")
	assert.NotContains(t, store.Replaces, "Free.Other")
	assert.Equal(t, Maybe, store.Replaces["List.Deep"])
	assert.Equal(t, Maybe, store.Replaces["List.Self.Self.Deep"], "a type may contain itself, and extraction ends")
	assert.Empty(t, types["AWS::X::Plain"].Replaces)
	assert.False(t, types["AWS::X::Plain"].Stateful)
	assert.NotContains(t, types, "Custom::Unknown")
}

func TestADatabaseThatCannotBeReadIsNoEmptyOne(t *testing.T) {
	_, err := Extract(filepath.Join(t.TempDir(), "missing"), nil)
	require.ErrorContains(t, err, "run npm ci")
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, []byte("{}"), 0o600))
	_, err = Extract(plain, nil)
	require.ErrorContains(t, err, plain)
	_, err = Extract(write(t, `{"schema"`), nil)
	require.Error(t, err)
}

func TestTheExtractIsReadAsItWasWritten(t *testing.T) {
	types, err := Read([]byte(`{"AWS::X::Store": {"replaces": {"Name": "yes"}, "stateful": true, "tags": "Tags"}}`))
	require.NoError(t, err)
	assert.Equal(t, Types{"AWS::X::Store": {Replaces: map[string]Certainty{"Name": Always}, Stateful: true, Tags: "Tags"}}, types)
	_, err = Read([]byte(`[`))
	require.ErrorContains(t, err, "CloudFormation's schemas")
}
