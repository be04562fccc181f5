// Package commands finds what the documents tell people to type: the blocks of shell
// and the spans of code that are commands. Its tests hold each command against what
// the program it calls says of itself.
package commands

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"mvdan.cc/sh/v3/syntax"
)

// Snippet is a piece of shell in a document.
type Snippet struct {
	Page, Text string
	Line       int
	// Block is a fenced block; the rest stands inside a sentence or a table.
	Block bool
}

// At says where the snippet stands.
func (s Snippet) At() string { return fmt.Sprintf("%s:%d", s.Page, s.Line) }

// Call is a simple command: a program with its arguments, as written, without quotes.
// Variables stay as $NAME, and what another command prints as $(…).
type Call struct {
	Snippet
	Words []string
	// Quoted says of each word whether a shell would take it literally or as one word.
	Quoted []bool
}

// Assignment gives a variable a value.
type Assignment struct {
	Snippet
	Name, Value string
	// Computed is what a command printed or a person typed, not what the document says.
	Computed bool
	// Prefix is an assignment for one command (NAME=value command).
	Prefix bool
}

// Use is a variable that a command reads.
type Use struct {
	Snippet
	Name string
	// Assigned are the variables that have a value at this place in the document.
	Assigned []string
}

// Document is what one page tells people to type.
type Document struct {
	Calls       []Call
	Assignments []Assignment
	Uses        []Use
	// Broken are snippets that no shell understands.
	Broken []string
	// Mentions are spans that are the bare name of an operation, such as `list-tasks`.
	Mentions []Snippet
}

// shells are the words by which a fenced block says that it is shell.
var shells = []string{"bash", "sh", "shell", "console"}

// Read finds the commands in a page. programs are the words that make a span of code a
// command.
func Read(root fs.FS, page string, programs []string) (Document, error) {
	source, err := fs.ReadFile(root, page)
	if err != nil {
		return Document{}, err
	}
	var found Document
	var assigned []string
	for _, snippet := range snippets(page, source) {
		if !snippet.Block && !isCommand(snippet.Text, programs) {
			if operation.MatchString(snippet.Text) {
				found.Mentions = append(found.Mentions, snippet)
			}
			continue
		}
		assigned = found.read(snippet, assigned)
	}
	return found, nil
}

// operation is a verb and a noun in the form of the AWS CLI, alone.
var operation = regexp.MustCompile(`^(describe|list|get|create|delete|update|put|start|stop|modify|cancel|approve|copy|restore)(-[a-z0-9]+)+$`)

func isCommand(span string, programs []string) bool {
	first, _, _ := strings.Cut(span, " ")
	for assignment.MatchString(first) && strings.Contains(span, " ") {
		_, span, _ = strings.Cut(span, " ")
		first, _, _ = strings.Cut(span, " ")
	}
	if first == "export" {
		return true
	}
	if strings.HasPrefix(first, "scripts/") { // also without arguments; a file in the text is no command
		return strings.Contains(span, " ")
	}
	return slices.Contains(programs, first) && span != first
}

var assignment = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*=`)

// snippets are the code of a page in its order.
func snippets(page string, source []byte) []Snippet {
	var found []Snippet
	lineOf := func(at int) int { return 1 + strings.Count(string(source[:at]), "\n") }
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	_ = ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.FencedCodeBlock:
			if slices.Contains(shells, string(n.Language(source))) && n.Lines().Len() > 0 {
				found = append(found, Snippet{Page: page, Text: string(n.Lines().Value(source)), Line: lineOf(n.Lines().At(0).Start), Block: true})
			}
		case *ast.CodeSpan:
			var span strings.Builder
			at := 0
			for child := n.FirstChild(); child != nil; child = child.NextSibling() {
				text, isText := child.(*ast.Text)
				if !isText {
					continue
				}
				segment := text.Segment
				if span.Len() == 0 {
					at = segment.Start
				}
				span.Write(segment.Value(source))
			}
			// A cell of a table writes a pipe as \|.
			written := strings.ReplaceAll(strings.ReplaceAll(span.String(), "\n", " "), `\|`, "|")
			found = append(found, Snippet{Page: page, Text: strings.TrimSpace(written), Line: lineOf(at)})
		}
		return ast.WalkContinue, nil
	})
	return found
}

// read adds a snippet's commands; assigned are the variables known before and after.
func (d *Document) read(snippet Snippet, assigned []string) []string {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(snippet.Text), "")
	if err != nil {
		d.Broken = append(d.Broken, fmt.Sprintf("%s: %v: %s", snippet.At(), err, snippet.Text))
		return assigned
	}
	at := func(node syntax.Node) Snippet {
		here := snippet
		if snippet.Block {
			here.Line += int(node.Pos().Line()) - 1
		}
		return here
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.CallExpr:
			assigned = d.call(n, at, assigned)
		case *syntax.DeclClause: // export, readonly, local
			for _, each := range n.Args {
				assigned = d.assign(each, at(n), false, assigned)
			}
		case *syntax.ForClause:
			if loop, ok := n.Loop.(*syntax.WordIter); ok {
				assigned = append(assigned, loop.Name.Value)
			}
		case *syntax.ParamExp:
			if n.Exp == nil { // ${NAME:-default} needs no value
				d.Uses = append(d.Uses, Use{Snippet: at(n), Name: n.Param.Value, Assigned: slices.Clone(assigned)})
			}
		}
		return true
	})
	return assigned
}

func (d *Document) call(n *syntax.CallExpr, at func(syntax.Node) Snippet, assigned []string) []string {
	for _, each := range n.Assigns {
		known := d.assign(each, at(n), len(n.Args) > 0, assigned)
		if len(n.Args) == 0 {
			assigned = known
		}
	}
	if len(n.Args) == 0 {
		return assigned
	}
	made := Call{Snippet: at(n)}
	for _, word := range n.Args {
		written, whole := flat(word)
		made.Words = append(made.Words, written)
		made.Quoted = append(made.Quoted, whole)
	}
	d.Calls = append(d.Calls, made)
	if made.Words[0] == "read" { // a person types it
		for _, name := range made.Words[1:] {
			if !strings.HasPrefix(name, "-") {
				assigned = append(assigned, name)
			}
		}
	}
	return assigned
}

func (d *Document) assign(n *syntax.Assign, where Snippet, prefix bool, assigned []string) []string {
	if n.Name == nil {
		return assigned
	}
	made := Assignment{Snippet: where, Name: n.Name.Value, Prefix: prefix}
	if n.Value != nil {
		made.Value, _ = flat(n.Value)
		made.Computed = strings.Contains(made.Value, "$(")
	}
	d.Assignments = append(d.Assignments, made)
	return append(assigned, n.Name.Value)
}

// flat is a word without its quotes, and whether a part of it was quoted.
func flat(word *syntax.Word) (string, bool) {
	var b strings.Builder
	quoted := false
	var add func(parts []syntax.WordPart)
	add = func(parts []syntax.WordPart) {
		for _, part := range parts {
			switch p := part.(type) {
			case *syntax.Lit:
				b.WriteString(strings.ReplaceAll(p.Value, "\\\n", ""))
			case *syntax.SglQuoted:
				quoted = true
				b.WriteString(p.Value)
			case *syntax.DblQuoted:
				quoted = true
				inner := len(b.String())
				add(p.Parts)
				kept := b.String()
				b.Reset()
				b.WriteString(kept[:inner] + strings.NewReplacer(`\"`, `"`, "\\\\", "\\", "\\`", "`", `\$`, "$").Replace(kept[inner:]))
			case *syntax.ParamExp:
				b.WriteString("$" + p.Param.Value)
			case *syntax.CmdSubst:
				b.WriteString("$(…)")
			case *syntax.ArithmExp:
				b.WriteString("$((…))")
			case *syntax.ProcSubst:
				b.WriteString("<(…)")
			}
		}
	}
	add(word.Parts)
	return b.String(), quoted
}
