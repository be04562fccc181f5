package newenv

import (
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wallet-infra/config"
)

// madeFile is the new environment's file, and the function that it declares.
type madeFile struct {
	File
	function string
}

// edit replaces a part of a source.
type edit struct {
	at, end token.Pos
	text    string
}

// environmentFile writes staging.go anew for another environment.
func environmentFile(root string, env, form config.Environment) (madeFile, error) {
	path := filepath.Join(root, "config", form.Name+".go")
	source, err := os.ReadFile(path)
	if err != nil {
		return madeFile{}, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.ParseComments)
	if err != nil {
		return madeFile{}, err
	}
	made := madeFile{function: title(env.Name), File: File{Path: filepath.Join(root, "config", env.Name+".go"), isNew: true}}
	if _, err := os.Stat(made.Path); err == nil {
		return made, fmt.Errorf("%s exists already", made.Path)
	}
	names, err := newNames(file, form.Name, env.Name)
	if err != nil {
		return made, err
	}
	if err := free(root, names); err != nil {
		return made, err
	}
	edits := slices.Concat(renames(file, names), values(file, form, env), comments(file, names, form, env))
	text, err := apply(source, set.File(file.Pos()).Base(), edits)
	if err != nil {
		return made, err
	}
	made.after, err = format.Source(text)
	return made, err
}

func title(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// newNames are the names that the file declares, and those that the new one does.
func newNames(file *ast.File, old, name string) (map[string]string, error) {
	names := map[string]string{}
	var problems []error
	for _, declared := range declarations(file) {
		switch {
		case strings.HasPrefix(declared, old):
			names[declared] = name + strings.TrimPrefix(declared, old)
		case strings.HasPrefix(declared, title(old)):
			names[declared] = title(name) + strings.TrimPrefix(declared, title(old))
		default:
			problems = append(problems, fmt.Errorf("config/%s.go declares %s, which another environment would declare too: begin it with %s", old, declared, old))
		}
	}
	return names, errors.Join(problems...)
}

// declarations are the names that a file declares for its package.
func declarations(file *ast.File) []string {
	var names []string
	for _, declaration := range file.Decls {
		switch declared := declaration.(type) {
		case *ast.FuncDecl:
			if declared.Recv == nil {
				names = append(names, declared.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range declared.Specs {
				switch one := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range one.Names {
						names = append(names, name.Name)
					}
				case *ast.TypeSpec:
					names = append(names, one.Name.Name)
				}
			}
		}
	}
	return names
}

// free fails for each new name that config has already.
func free(root string, names map[string]string) error {
	paths, err := filepath.Glob(filepath.Join(root, "config", "*.go"))
	if err != nil {
		return err
	}
	var problems []error
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declared := range declarations(file) {
			for _, name := range names {
				if name == declared {
					problems = append(problems, fmt.Errorf("config has a %s already, in %s: choose another name", name, filepath.Base(path)))
				}
			}
		}
	}
	return errors.Join(problems...)
}

// renames are the edits of the file's own names.
func renames(file *ast.File, names map[string]string) []edit {
	var edits []edit
	ast.Inspect(file, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok && names[name.Name] != "" {
			edits = append(edits, edit{name.Pos(), name.End(), names[name.Name]})
		}
		return true
	})
	return edits
}

// values are the edits of the values that are another environment's own.
func values(file *ast.File, form, env config.Environment) []edit {
	own := map[string]string{
		"Name": env.Name, "Site.Account": env.Site.Account, "Site.APIDomain": env.Site.APIDomain, "Site.StaticDomain": env.Site.StaticDomain,
		"Site.HostedZone.ID": env.Site.HostedZone.ID, "Site.HostedZone.Name": env.Site.HostedZone.Name,
	}
	var edits []edit
	var walk func(path string, literal *ast.CompositeLit)
	walk = func(path string, literal *ast.CompositeLit) {
		for _, element := range literal.Elts {
			pair, ok := element.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			key, _ := pair.Key.(*ast.Ident)
			if inner, ok := pair.Value.(*ast.CompositeLit); ok && key != nil {
				walk(path+key.Name+".", inner)
			}
			if value, ok := pair.Value.(*ast.BasicLit); ok && key != nil {
				if text, known := own[path+key.Name]; known {
					edits = append(edits, edit{value.Pos(), value.End(), strconv.Quote(text)})
				}
			}
		}
	}
	move := mover(form.Network.CIDR, env.Network.CIDR)
	ast.Inspect(file, func(node ast.Node) bool {
		switch found := node.(type) {
		case *ast.CompositeLit:
			if name, ok := found.Type.(*ast.Ident); ok && name.Name == "Environment" {
				walk("", found)
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(found.Value); err == nil && move(text) != text {
				edits = append(edits, edit{found.Pos(), found.End(), strconv.Quote(move(text))})
			}
		}
		return true
	})
	return edits
}

// comments are the edits of what the comments say of the file's own names.
func comments(file *ast.File, names map[string]string, form, env config.Environment) []edit {
	word := regexp.MustCompile(`\w+`)
	var edits []edit
	for _, group := range file.Comments {
		declared := slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
			function, ok := d.(*ast.FuncDecl)
			return ok && function.Doc == group && function.Name.Name == title(form.Name)
		})
		if declared {
			text := fmt.Sprintf("// %s began as a copy of %s: what follows is its size until somebody decides otherwise.", title(env.Name), form.Name)
			edits = append(edits, edit{group.Pos(), group.End(), text})
			continue
		}
		for _, comment := range group.List {
			text := word.ReplaceAllStringFunc(comment.Text, func(found string) string { return orElse(names[found], found) })
			edits = append(edits, edit{comment.Pos(), comment.End(), text})
		}
	}
	return edits
}

// apply makes edits, the last one first.
func apply(source []byte, base int, edits []edit) ([]byte, error) {
	slices.SortFunc(edits, func(a, b edit) int { return int(b.at - a.at) })
	text, last := string(source), len(source)
	for _, one := range edits {
		at, end := int(one.at)-base, int(one.end)-base
		if end > last {
			return nil, fmt.Errorf("two changes of one part of the file, at byte %d", at)
		}
		text, last = text[:at]+one.text+text[end:], at
	}
	return []byte(text), nil
}

// registrationIn adds the environment's function to config.All.
func registrationIn(root, function string) (File, error) {
	paths, err := filepath.Glob(filepath.Join(root, "config", "*.go"))
	if err != nil {
		return File{}, err
	}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			return File{}, err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
		if err != nil {
			return File{}, err
		}
		end := endOfAll(file)
		if end == token.NoPos {
			continue
		}
		at := set.Position(end).Offset
		after, err := format.Source([]byte(string(source[:at]) + "\t" + function + "(),\n" + string(source[at:])))
		return File{Path: path, before: source, after: after}, err
	}
	return File{}, errors.New("config has no function All that lists the environments")
}

// endOfAll is where the list that config.All returns ends.
func endOfAll(file *ast.File) token.Pos {
	end := token.NoPos
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Name.Name != "All" || function.Recv != nil {
			continue
		}
		ast.Inspect(function, func(node ast.Node) bool {
			if list, ok := node.(*ast.CompositeLit); ok && end == token.NoPos {
				end = list.Rbrace
			}
			return true
		})
	}
	return end
}
