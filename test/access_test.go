package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// at walks into a value by map keys and list indices and returns nil where the
// path ends early: at(r.Properties, "Tags", 0, "Key").
func at(value any, path ...any) any { return cfn.Lookup(value, path...) }

// textAt is the text at a path, as [at] walks it. A value of another shape ends
// this test, not the suite.
func textAt(t *testing.T, value any, path ...any) string {
	t.Helper()
	return shaped[string](t, "a text", value, path)
}

// numberAt is the number at a path; see [textAt].
func numberAt(t *testing.T, value any, path ...any) float64 {
	t.Helper()
	return shaped[float64](t, "a number", value, path)
}

// boolAt is the truth value at a path; see [textAt].
func boolAt(t *testing.T, value any, path ...any) bool {
	t.Helper()
	return shaped[bool](t, "true or false", value, path)
}

// listAt is the list at a path; see [textAt].
func listAt(t *testing.T, value any, path ...any) []any {
	t.Helper()
	return shaped[[]any](t, "a list", value, path)
}

// objectAt is the object at a path; see [textAt].
func objectAt(t *testing.T, value any, path ...any) map[string]any {
	t.Helper()
	return shaped[map[string]any](t, "an object", value, path)
}

func shaped[T any](t *testing.T, want string, value any, path []any) T {
	t.Helper()
	found, ok := at(value, path...).(T)
	if !ok {
		t.Fatal(misshapen(want, value, path))
	}
	return found
}

// misshapen says where a value has another shape than a test needs.
func misshapen(want string, value any, path []any) string {
	steps := make([]string, 0, len(path))
	for _, step := range path {
		steps = append(steps, fmt.Sprint(step))
	}
	return fmt.Sprintf("want %s at %q, found %s in %s", want, strings.Join(steps, "."), inShort(at(value, path...)), inShort(value))
}

// inShort is a value as JSON, cut where it gets long.
func inShort(value any) string {
	const shown = 300
	content, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%.300v", value)
	}
	if len(content) > shown {
		return string(content[:shown]) + "…"
	}
	return string(content)
}

// A type assertion that does not ask, outside the helpers of this file, would end
// every test with a trace when one template has another shape.
func TestNoWrongShapeEndsTheSuite(t *testing.T) {
	var files []string
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".go" {
			files = append(files, path)
		}
		return err
	}))
	require.Greater(t, len(files), 60)
	for _, path := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		require.NoError(t, err)
		for _, position := range uncheckedAssertions(file) {
			t.Errorf("%s: write textAt, listAt, objectAt, numberAt or boolAt, or ask with two results", set.Position(position))
		}
	}
}

// uncheckedAssertions finds each value.(type) whose second result nobody takes.
func uncheckedAssertions(file *ast.File) []token.Pos {
	asked := map[ast.Expr]bool{}
	var found []token.Pos
	ast.Inspect(file, func(node ast.Node) bool {
		switch form := node.(type) {
		case *ast.AssignStmt:
			if len(form.Lhs) == 2 && len(form.Rhs) == 1 {
				asked[form.Rhs[0]] = true
			}
		case *ast.ValueSpec:
			if len(form.Names) == 2 && len(form.Values) == 1 {
				asked[form.Values[0]] = true
			}
		case *ast.TypeAssertExpr:
			if form.Type != nil && !asked[form] {
				found = append(found, form.Pos())
			}
		}
		return true
	})
	return found
}

func TestAnUncheckedAssertionIsFound(t *testing.T) {
	const bad, good = "x := value.(string)", "x, ok := value.(string); switch value.(type) {}; var y, _ = value.(int)"
	for code, want := range map[string]int{bad: 1, good: 0, "f(value.([]any)[0].(string))": 2} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p; func f() { "+code+" }", 0)
		require.NoError(t, err)
		assert.Len(t, uncheckedAssertions(file), want, code)
	}
}

func TestAWrongShapeSaysWhereItIs(t *testing.T) {
	resource := map[string]any{"Tags": []any{map[string]any{"Key": 1.0}}}
	assert.Equal(t, `want a text at "Tags.0.Key", found 1 in {"Tags":[{"Key":1}]}`, misshapen("a text", resource, []any{"Tags", 0, "Key"}))
	assert.Equal(t, `want a list at "Rules", found null in {"Tags":[{"Key":1}]}`, misshapen("a list", resource, []any{"Rules"}))
	assert.Nil(t, at(resource, "Tags", -1))
	assert.Nil(t, at(resource, "Tags", 1, "Key"))
}

// decoded reads properties into a type of the test's own. A property of another
// shape, or one that the type lacks, fails the test with its path.
func decoded[T any](t *testing.T, who string, properties any) T {
	t.Helper()
	content, err := json.Marshal(properties)
	require.NoError(t, err)
	strict := json.NewDecoder(bytes.NewReader(content))
	strict.DisallowUnknownFields()
	var value T
	require.NoErrorf(t, strict.Decode(&value), "%s", who)
	return value
}
