package test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	seedFile = "../docs/seed/seed.md"
	mapFile  = "../docs/SEED.md"
)

// The statuses of a line of the seed.
const (
	seedTested   = "tested"   // the named tests fail when it stops being true
	seedDeviates = "deviates" // AWS or a better reason forbids it; the reason is given
	seedReader   = "reader"   // asks something of a person; a document answers
)

// seedRow is one row of the map.
type seedRow struct {
	line               int
	text, status, held string
}

// requirement matches the lines of the seed that ask for something: points,
// numbered steps, rows of tables and of the directory tree, and named values.
var requirement = regexp.MustCompile(`^\s*(- |\d+\. |\| )|[├└]──|^\*\*[^*]+\*\*: `)

// tableHead matches a table's head, which names columns and asks for nothing.
var tableHead = regexp.MustCompile(`^\| Component`)

// requirements are the seed's, by line number, in the words of the map.
func requirements(t *testing.T) map[int]string {
	t.Helper()
	content, err := os.ReadFile(seedFile)
	require.NoError(t, err)
	found := map[int]string{}
	for i, line := range strings.Split(string(content), "\n") {
		if requirement.MatchString(line) && !tableHead.MatchString(line) {
			found[i+1] = plainSeed(line)
		}
	}
	return found
}

// plainSeed is a line of the seed without its Markdown.
func plainSeed(line string) string {
	line = strings.NewReplacer("**", "", "`", "", "│", "", "├──", "", "└──", "", "|", "/").Replace(line)
	line = strings.Trim(strings.Join(strings.Fields(line), " "), "/ ")
	return strings.TrimPrefix(line, "- ")
}

// mapRow matches a row of the map: the line's number, its words, the status where it
// is not tested, and what holds it.
var mapRow = regexp.MustCompile(`^- (\d+) "([^"]*)"(?: \*\*(\w+)\*\*)?: (.+)$`)

// readMap reads the rows of the map.
func readMap(t *testing.T) []seedRow {
	t.Helper()
	content, err := os.ReadFile(mapFile)
	require.NoError(t, err)
	var rows []seedRow
	for line := range strings.Lines(string(content)) {
		cells := mapRow.FindStringSubmatch(strings.TrimSpace(line))
		if cells == nil {
			continue
		}
		number, err := strconv.Atoi(cells[1])
		require.NoError(t, err)
		rows = append(rows, seedRow{line: number, text: cells[2], status: cmp.Or(cells[3], seedTested), held: cells[4]})
	}
	return rows
}

func TestEveryLineOfTheSeedIsAnswered(t *testing.T) {
	wanted := requirements(t)
	require.Greater(t, len(wanted), 90)
	for _, row := range readMap(t) {
		text, asked := wanted[row.line]
		if !asked {
			t.Errorf("docs/SEED.md answers line %d, which asks for nothing or is answered twice", row.line)
			continue
		}
		assert.Equalf(t, text, row.text, "docs/SEED.md: line %d quotes the seed otherwise", row.line)
		delete(wanted, row.line)
	}
	for line, text := range wanted {
		t.Errorf("docs/SEED.md does not answer line %d: %s", line, text)
	}
}

// testName matches the tests that a row names.
var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

func TestEveryAnswerToTheSeedIsHeldBySomething(t *testing.T) {
	tests := testsInTheRepository(t)
	rows, counts, reasons := readMap(t), map[string]int{}, map[string]string{}
	for _, row := range rows {
		if row.status == seedDeviates {
			reasons[fmt.Sprintf("As line %d.", row.line)] = row.held
		}
	}
	for _, row := range rows {
		counts[row.status]++
		names := testName.FindAllStringSubmatch(row.held, -1)
		for _, name := range names {
			assert.Truef(t, tests[name[1]], "docs/SEED.md: line %d names %s, which does not exist", row.line, name[1])
		}
		switch row.status {
		case seedTested:
			assert.NotEmptyf(t, names, "docs/SEED.md: line %d names no test", row.line)
		case seedDeviates:
			assert.Greaterf(t, len(cmp.Or(reasons[row.held], row.held)), 40, "docs/SEED.md: line %d gives no reason", row.line)
		case seedReader:
			assert.Containsf(t, row.held, "](", "docs/SEED.md: line %d points to no document", row.line)
		default:
			t.Errorf("docs/SEED.md: line %d: unknown status %q", row.line, row.status)
		}
	}
	t.Logf("the seed's lines: %v", counts)
	content, err := os.ReadFile(mapFile)
	require.NoError(t, err)
	count := fmt.Sprintf("%d tested, %d deviate, %d for the reader",
		counts[seedTested], counts[seedDeviates], counts[seedReader])
	assert.Contains(t, string(content), count, "docs/SEED.md: the count at its top is out of date")
}

// testsInTheRepository are the names of all test functions.
func testsInTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, root := range []string{"../test", "../config", "../lambda", "../internal", "../constructs", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, declaration := range file.Decls {
				if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil && strings.HasPrefix(function.Name.Name, "Test") {
					found[function.Name.Name] = true
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	return found
}
