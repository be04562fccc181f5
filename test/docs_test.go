package test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	for path, page := range documents(t) {
		for _, link := range page.links {
			target, err := url.Parse(link)
			require.NoErrorf(t, err, "%s: %s", path, link)
			if target.Scheme != "" {
				continue // the network is not asked
			}
			file := path
			if target.Path != "" {
				file = filepath.Join(filepath.Dir(path), target.Path)
			}
			if _, err := os.Stat(filepath.Join("..", file)); !assert.NoErrorf(t, err, "%s links to %s", path, link) {
				continue
			}
			if target.Fragment != "" {
				assert.Containsf(t, documents(t)[file].anchors, target.Fragment, "%s links to %s", path, link)
			}
		}
	}
}

// referenceToDocument is a document, and mostly its heading, as code and messages write it.
var referenceToDocument = regexp.MustCompile(`docs/[\w/-]+\.md(?:#([a-z0-9-]+))?`)

// A message that sends its reader to a heading that is gone fails him at night.
func TestEveryDocumentThatTheCodeNamesExists(t *testing.T) {
	pages, found := documents(t), 0
	for _, path := range namesOfSources(t) {
		content, err := os.ReadFile(filepath.Join("..", path))
		require.NoError(t, err)
		for _, match := range referenceToDocument.FindAllStringSubmatch(string(content), -1) {
			found++
			name, _, _ := strings.Cut(match[0], "#")
			_, err := os.Stat(filepath.Join("..", name))
			assert.NoErrorf(t, err, "%s names %s", path, match[0])
			assert.Truef(t, match[1] == "" || pages[name].anchors[match[1]], "%s: there is no heading %s", path, match[0])
		}
	}
	assert.Greater(t, found, 15, "the references were not found")
}

// namesOfSources are the files of the repository that are neither documents nor tests,
// whose fixtures may name documents that are not there; by path from the root.
func namesOfSources(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, path := range filesOfTheRepository(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if slices.Contains([]string{".go", ".sh", ".yaml", ".yml", ".py", ".sql"}, filepath.Ext(path)) || path == "Makefile" {
			found = append(found, path)
		}
	}
	return found
}

// filesOfTheRepository are those of the repository, by path from the root.
func filesOfTheRepository(t *testing.T) []string {
	t.Helper()
	var found []string
	require.NoError(t, fs.WalkDir(os.DirFS(".."), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "build", "cdk.out", "node_modules"}, path) {
			return fs.SkipDir
		}
		found = append(found, path)
		return err
	}))
	return found
}

// page is what the tests need of a Markdown file.
type page struct {
	links   []string
	anchors map[string]bool
}

// documents reads the README and everything in docs/, by path from the root.
func documents(t *testing.T) map[string]page {
	t.Helper()
	pages := map[string]page{}
	root := os.DirFS("..")
	paths, err := fs.Glob(root, "*.md")
	require.NoError(t, err)
	for _, pattern := range []string{"docs/*.md", "docs/decisions/*.md"} {
		below, err := fs.Glob(root, pattern)
		require.NoError(t, err)
		paths = append(paths, below...)
	}
	for _, path := range paths {
		source, err := fs.ReadFile(root, path)
		require.NoError(t, err)
		pages[path] = readPage(source)
	}
	return pages
}

func readPage(source []byte) page {
	found := page{anchors: map[string]bool{}}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.Link:
			found.links = append(found.links, string(n.Destination))
		case *ast.Image:
			found.links = append(found.links, string(n.Destination))
		case *ast.Heading:
			base := slug(string(n.Lines().Value(source)))
			anchor := base
			for i := 1; found.anchors[anchor]; i++ {
				anchor = fmt.Sprintf("%s-%d", base, i)
			}
			found.anchors[anchor] = true
		}
		return ast.WalkContinue, nil
	})
	return found
}

var notInSlug = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)

// slug is the anchor that GitHub gives to a heading.
func slug(heading string) string {
	kept := notInSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// A document that the README does not name is found by nobody, no more than a decision
// that their index does not, and a file that is gone sends its reader nowhere.
func TestEveryDocumentAndFileIsFound(t *testing.T) {
	pages := documents(t)
	for path := range pages {
		index, link := "README.md", path
		if below, ok := strings.CutPrefix(path, "docs/decisions/"); ok && below != "README.md" {
			index, link = "docs/decisions/README.md", below
		}
		assert.Truef(t, path == "README.md" || slices.Contains(pages[index].links, link), "%s does not link %s", index, path)
	}
	names := filesOfTheRepository(t)
	for path := range pages {
		source, err := os.ReadFile(filepath.Join("..", path))
		require.NoError(t, err)
		for _, file := range regexp.MustCompile("`([\\w./-]+\\.(go|sh|mod|mjs))`").FindAllStringSubmatch(string(source), -1) {
			assert.Truef(t, slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix("/"+name, "/"+file[1]) }), "%s: there is no %s", path, file[1])
		}
	}
}
