package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// source is one Go file of the repository, tests aside.
type source struct {
	path string // from the root, with slashes
	file *ast.File
	set  *token.FileSet
}

func (s source) line(node ast.Node) int { return s.set.Position(node.Pos()).Line }

// lines is the length of a node in lines.
func (s source) lines(node ast.Node) int {
	return s.set.Position(node.End()).Line - s.line(node) + 1
}

// sources are the Go files that are no tests.
func sources(t *testing.T) []source {
	t.Helper()
	found, err := parsedSources()
	require.NoError(t, err)
	require.Greater(t, len(found), 10)
	return found
}

// parsedSources parses every Go file that is not a test, once: no test changes the
// trees.
var parsedSources = sync.OnceValues(func() ([]source, error) {
	var found []source
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "node_modules" || name == "cdk.out" || (strings.HasPrefix(name, ".") && name != "..") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel("..", path)
		found = append(found, source{path: filepath.ToSlash(relative), file: file, set: set})
		return err
	})
	return found, err
})

// configuration must stay readable for tools that have no Node, and a construct
// that knew its stacks could not be used in another one.
func TestPackagesImportInOneDirection(t *testing.T) {
	const module = "wallet-infra/"
	forbidden := []struct{ from, to, why string }{
		{"config", "github.com/aws/aws-cdk-go", "configuration is plain Go"},
		{"config", "github.com/aws/jsii-runtime-go", "configuration is plain Go"},
		{"config", module + "constructs", "configuration knows nobody"},
		{"config", module + "stacks", "configuration knows nobody"},
		{"config", module + "internal", "configuration knows nobody"},
		{"constructs", module + "internal", "internal reads templates, and does not make them"},
		{"constructs", module + "stacks", "constructs are composed, they do not compose"},
		{"stacks", module + "internal", "internal reads templates, and does not make them"},
		{"lambda", "github.com/aws/aws-cdk-go", "a function starts without CDK"},
		{"lambda", module + "stacks", "a function starts without CDK"},
		{"lambda", module + "constructs", "a function starts without CDK"},
		{"internal", "github.com/aws/aws-cdk-go", "tools need no Node"},
		{"cmd/migrate", "github.com/aws/aws-cdk-go", "the migration's task has no Node"},
	}
	list := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "./...")
	list.Dir = ".."
	output, err := list.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		for _, rule := range forbidden {
			name := strings.TrimPrefix(fields[0], module)
			if name != rule.from && !strings.HasPrefix(name, rule.from+"/") {
				continue
			}
			for _, imported := range fields[1:] {
				refuse(t, strings.HasPrefix(imported, rule.to), "%s imports %s: %s", name, imported, rule.why)
			}
		}
	}
}

// A construct that sees the whole environment may touch all of it, and whoever changes
// config must read every construct. What is built where is decided in stacks.
func TestConstructsTakeTheirPartOfConfig(t *testing.T) {
	decided := []string{"config.DRMode", "config.DRNone", "config.DRBackup", "config.DRStandby", "DR.Mode", "dr.Mode"}
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "constructs/") {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name := lastName(selector.X) + "." + selector.Sel.Name
			refuse(t, name == "config.Environment", "%s:%d takes the whole environment", s.path, s.line(node))
			refuse(t, slices.Contains(decided, name), "%s:%d asks for the mode of disaster recovery: %s", s.path, s.line(node), name)
			return true
		})
	}
}

// lastName is the name of a variable, package or field.
func lastName(expression ast.Expr) string {
	switch named := expression.(type) {
	case *ast.Ident:
		return named.Name
	case *ast.SelectorExpr:
		return named.Sel.Name
	}
	return ""
}

// A function's code is named by all that it imports (constructs/function): with
// config in it, every number of an environment would deploy every function.
func TestANumberOfConfigDeploysNoFunction(t *testing.T) {
	const module = "wallet-infra/"
	list := exec.Command("go", "list", "-deps", "./lambda/...")
	list.Dir = ".."
	output, err := list.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(output)) {
		name, ours := strings.CutPrefix(strings.TrimSpace(line), module)
		refuse(t, ours && !strings.HasPrefix(name, "lambda/") && name != "config/cabundle", "lambda imports %s", name)
	}
}

// Only environment.go knows that there are several stacks.
func TestStacksDoNotBuildEachOther(t *testing.T) {
	all := sources(t)
	constructors := map[string]bool{}
	for _, s := range all {
		for _, declared := range functions(s) {
			if filepath.Dir(s.path) == "stacks" && declared.Recv == nil && strings.HasPrefix(declared.Name.Name, "New") {
				constructors[declared.Name.Name] = true
			}
		}
	}
	require.NotEmpty(t, constructors)
	for _, s := range all {
		if filepath.Dir(s.path) != "stacks" || s.path == "stacks/environment.go" || s.path == "stacks/app.go" {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				if name, ok := call.Fun.(*ast.Ident); ok {
					refuse(t, constructors[name.Name], "%s:%d builds another stack: %s", s.path, s.line(call), name.Name)
				}
			}
			return true
		})
	}
}

func TestFunctionsFitOnAScreen(t *testing.T) {
	const longest, longestStack, longestMain = 50, 60, 40
	for _, s := range sources(t) {
		for _, declared := range functions(s) {
			limit := longest
			if filepath.Dir(s.path) == "stacks" && strings.HasPrefix(declared.Name.Name, "New") {
				limit = longestStack
			}
			lines := s.lines(declared) - s.lengthOfTables(declared)
			refuse(t, lines > limit, "%s:%d: %s has %d lines beside its tables, too many to read at once (%d)", s.path, s.line(declared), declared.Name.Name, lines, limit)
		}
		if s.path == "app.go" {
			assert.LessOrEqual(t, s.set.Position(s.file.End()).Line, longestMain, "app.go")
		}
	}
}

// lengthOfTables is the number of lines of a function that are rows of a table, a
// list of literals. They are data, which is read row by row and not from top to
// bottom.
func (s source) lengthOfTables(declared *ast.FuncDecl) int {
	lines := 0
	ast.Inspect(declared, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if _, list := literal.Type.(*ast.ArrayType); list {
			lines += s.lines(literal)
			return false
		}
		return true
	})
	return lines
}

// A pointer in a value is a question at every use: is it set?
func TestOurTypesHoldNoPointers(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "config/") && !strings.HasPrefix(s.path, "constructs/") && !strings.HasPrefix(s.path, "stacks/") {
			continue // handlers and tools hold state; the platform's description holds none
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			structure, ok := node.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range structure.Fields.List {
				pointer, ok := field.Type.(*ast.StarExpr)
				refuse(t, ok && !belongsToCDK(pointer.X), "%s:%d: a pointer field", s.path, s.line(field))
			}
			return true
		})
	}
}

// belongsToCDK recognizes the library's property structs, which it takes as
// pointers only.
func belongsToCDK(expression ast.Expr) bool {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	name, ok := selector.X.(*ast.Ident)
	return ok && strings.HasPrefix(name.Name, "aws")
}

func TestThereIsOnePointerIdiom(t *testing.T) {
	for _, s := range sources(t) {
		eachSelector(s, func(node ast.Node, name string) {
			refuse(t, name == "jsii.String" || name == "jsii.Bool", "%s:%d: write new(…)", s.path, s.line(node))
		})
	}
}

func TestEverythingExportedIsExplained(t *testing.T) {
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			switch declared := declaration.(type) {
			case *ast.FuncDecl:
				if declared.Name.IsExported() && exportedReceiver(declared) {
					refuse(t, declared.Doc.Text() == "", "%s:%d: %s is exported and not explained", s.path, s.line(declared), declared.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range declared.Specs {
					if named, ok := spec.(*ast.TypeSpec); ok && named.Name.IsExported() {
						refuse(t, declared.Doc.Text()+named.Doc.Text() == "", "%s:%d: %s is exported and not explained", s.path, s.line(named), named.Name.Name)
					}
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	explained := map[string]bool{}
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		explained[dir] = explained[dir] || s.file.Doc.Text() != ""
	}
	for dir, found := range explained {
		refuse(t, !found, "%s: no package comment", dir)
	}
}

// What differs between environments is a field of config; a comparison of names
// would hide it where nobody looks, and a third environment would fall through.
func TestNoCodeAsksWhichEnvironmentItIsIn(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.path, "config/") {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			switch form := node.(type) {
			case *ast.BinaryExpr:
				if form.Op == token.EQL || form.Op == token.NEQ {
					refuse(t, isEnvironmentName(form.X) || isEnvironmentName(form.Y), "%s:%d: compares the environment's name", s.path, s.line(form))
				}
			case *ast.SwitchStmt:
				refuse(t, isEnvironmentName(form.Tag), "%s:%d: switches on the environment's name", s.path, s.line(form))
			}
			return true
		})
	}
}

// A name made by hand in two places is two names one day.
func TestPhysicalNamesAreMadeInNamingAlone(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "constructs/") && !strings.HasPrefix(s.path, "stacks/") {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			pair, ok := node.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, ok := pair.Key.(*ast.Ident)
			if ok && (strings.HasSuffix(key.Name, "Name") || key.Name == "Alias") {
				refuse(t, joinsPrefix(pair.Value), "%s:%d: %s: name it in config/names.go", s.path, s.line(pair), key.Name)
			}
			return true
		})
	}
}

// An ARN put together by hand is a partition, or an order of its parts, to get
// wrong; and where a reference is possible, it is the better name.
func TestARNsAreMadeInNamesAlone(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "constructs/") && !strings.HasPrefix(s.path, "stacks/") {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok {
				refuse(t, strings.Contains(literal.Value, "arn:aws:"), "%s:%d: write config.ARN(…)", s.path, s.line(literal))
			}
			return true
		})
	}
}

// joinsPrefix finds an addition to an environment's prefix.
func joinsPrefix(expression ast.Expr) bool {
	found := false
	ast.Inspect(expression, func(node ast.Node) bool {
		if sum, ok := node.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
			if call, ok := sum.X.(*ast.CallExpr); ok {
				selector, ok := call.Fun.(*ast.SelectorExpr)
				found = found || (ok && selector.Sel.Name == "Prefix")
			}
			found = found || isEnvironmentName(sum.X) || isEnvironmentName(sum.Y)
		}
		return true
	})
	return found
}

func TestNothingIsLeftForLater(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			text := group.Text()
			for _, word := range []string{"TODO", "FIXME", "XXX", "HACK"} {
				refuse(t, strings.Contains(text, word), "%s:%d: %s", s.path, s.line(group), word)
			}
		}
	}
}

// refuse fails the test, in one line and without stopping it, when something holds.
func refuse(t *testing.T, broken bool, format string, arguments ...any) {
	t.Helper()
	if broken {
		t.Errorf(format, arguments...)
	}
}

// functions are the functions and methods that a file declares.
func functions(s source) []*ast.FuncDecl {
	var found []*ast.FuncDecl
	for _, declaration := range s.file.Decls {
		if declared, ok := declaration.(*ast.FuncDecl); ok {
			found = append(found, declared)
		}
	}
	return found
}

// eachSelector visits every package.Name or value.Name of a file.
func eachSelector(s source, visit func(node ast.Node, name string)) {
	ast.Inspect(s.file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if left, ok := selector.X.(*ast.Ident); ok {
				visit(selector, left.Name+"."+selector.Sel.Name)
			}
		}
		return true
	})
}

// exportedReceiver says that a function, or the type of a method, is exported.
func exportedReceiver(declared *ast.FuncDecl) bool {
	if declared.Recv == nil {
		return true
	}
	receiver := declared.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

// isEnvironmentName recognizes env.Name and its like.
func isEnvironmentName(expression ast.Expr) bool {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "Name" {
		return false
	}
	if inner, ok := selector.X.(*ast.SelectorExpr); ok {
		return slices.Contains([]string{"Environment", "env"}, inner.Sel.Name)
	}
	left, ok := selector.X.(*ast.Ident)
	return ok && slices.Contains([]string{"env", "environment"}, left.Name)
}
