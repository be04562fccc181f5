package newenv

import (
	"errors"
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"wallet-infra/config"
)

// environmentFile is the form's file, written anew for another environment.
func environmentFile(root string, env, form config.Environment) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, "config", form.Name+".go"))
	if err != nil {
		return nil, err
	}
	function := regexp.MustCompile(`(?m)(^//.*\n)*^func ` + title(env.Name) + `\(`)
	made := function.ReplaceAll(rewrite(source, env, form), fmt.Appendf(nil,
		"// %[1]s began as a copy of %[2]s: what follows is its size until somebody decides otherwise.\nfunc %[1]s(", title(env.Name), form.Name))
	if made, err = format.Source(made); err != nil {
		return nil, err
	}
	return made, free(root, made)
}

func title(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// rewrite replaces the form's names, the values that are its own, and its network.
func rewrite(source []byte, env, form config.Environment) []byte {
	own := map[string]string{ // by field and value
		"Name " + form.Name: env.Name, "Account " + form.Site.Account: env.Site.Account,
		"APIDomain " + form.Site.APIDomain: env.Site.APIDomain, "StaticDomain " + form.Site.StaticDomain: env.Site.StaticDomain,
		"ID " + form.Site.HostedZone.ID: env.Site.HostedZone.ID, "Name " + form.Site.HostedZone.Name: env.Site.HostedZone.Name,
	}
	move := mover(form.Network.CIDR, env.Network.CIDR)
	word := regexp.MustCompile(`\b(?:` + form.Name + `|` + title(form.Name) + `)([A-Z]\w*)?\b`)
	rename := func(text string) string {
		return word.ReplaceAllStringFunc(text, func(found string) string {
			name := env.Name
			if strings.HasPrefix(found, title(form.Name)) {
				name = title(name)
			}
			return name + found[len(form.Name):]
		})
	}
	file := token.NewFileSet().AddFile("", -1, len(source))
	var tokens scanner.Scanner
	tokens.Init(file, source, nil, scanner.ScanComments)
	var made strings.Builder
	copied, field := 0, ""
	for at, kind, text := tokens.Scan(); kind != token.EOF; at, kind, text = tokens.Scan() {
		after := text
		switch kind {
		case token.IDENT:
			field, after = text, rename(text)
		case token.COMMENT:
			after = rename(text)
		case token.STRING:
			value, _ := strconv.Unquote(text) // the scanner has read it
			if other, known := own[field+" "+value]; known {
				after = strconv.Quote(other)
			} else if moved := move(value); moved != value {
				after = strconv.Quote(moved)
			}
		default:
			continue
		}
		made.Write(source[copied:file.Offset(at)])
		made.WriteString(after)
		copied = file.Offset(at) + len(text)
	}
	made.Write(source[copied:])
	return []byte(made.String())
}

// declaration is the beginning of what a file of config declares for its package.
var declaration = regexp.MustCompile(`(?m)^(?:func|type|var|const) (\w+)`)

// free fails for each name that a new file declares and config has already.
func free(root string, made []byte) error {
	declared := map[string]bool{}
	for _, found := range declaration.FindAllSubmatch(made, -1) {
		declared[string(found[1])] = true
	}
	paths, err := filepath.Glob(filepath.Join(root, "config", "*.go"))
	problems := []error{err}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		problems = append(problems, err)
		for _, found := range declaration.FindAllSubmatch(content, -1) {
			if name := string(found[1]); declared[name] {
				problems = append(problems, fmt.Errorf("config has a %s already, in %s: choose another name", name, filepath.Base(path)))
			}
		}
	}
	return errors.Join(problems...)
}

// list is the list that config.All returns, without its end.
var list = regexp.MustCompile(`func All\(\) \[\]Environment \{\n\treturn \[\]Environment\{\n(\t\t\w+\(\),\n)+`)

// registered is config's source with the environment's function in config.All.
func registered(source []byte, name string) ([]byte, error) {
	end := list.FindIndex(source)
	if end == nil {
		return nil, errors.New("config/environment.go has no function All that lists the environments")
	}
	return fmt.Appendf(nil, "%s\t\t%s(),\n%s", source[:end[1]], title(name), source[end[1]:]), nil
}
