// Package newenv writes what a new environment of the platform needs: a file of
// config in staging's form, its registration and its jobs in the workflows. All of it
// or nothing is written, and what only a person knows is named.
package newenv

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wallet-infra/config"
)

// Choice is what a person says of the new environment. What is left out of it stays
// empty in its file.
type Choice struct {
	Name string // such as demo
	// Account is the AWS account, Domain the one of its hosted zone, HostedZone that
	// zone's ID. The API answers at api.DOMAIN, the static files at static.DOMAIN.
	Account, Domain, HostedZone string
}

// Plan is what is to be written.
type Plan struct {
	root string
	// Files are those that are made or changed.
	Files []File
	// Network is the block that was free.
	Network string
	// Left are the fields that a person must fill in, as the validation names them.
	Left []string
}

// File is one file as it is to be.
type File struct {
	Path    string // below the repository's root
	content []byte
}

// Prepare plans an environment beside those of config, in the repository at root. It
// reports everything that is wrong with the choice at once, and writes nothing.
func Prepare(root string, choice Choice) (Plan, error) {
	form := config.Staging()
	env, err := candidate(form, choice)
	if err != nil {
		return Plan{}, err
	}
	// What is wrong although the rest were filled in is wrong with the choice.
	filled := choice
	filled.Account = cmp.Or(choice.Account, "000000000000")
	filled.Domain = cmp.Or(choice.Domain, "new-env.example.com")
	filled.HostedZone = cmp.Or(choice.HostedZone, form.Site.HostedZone.ID)
	whole, err := candidate(form, filled)
	if err != nil {
		return Plan{}, err
	}
	_, invalid := config.Select(append(config.All(), whole), config.Choice{})
	path := filepath.Join("config", env.Name+".go")
	if _, err := os.Stat(filepath.Join(root, path)); err == nil {
		invalid = errors.Join(invalid, fmt.Errorf("%s exists already", path))
	}
	if invalid != nil {
		return Plan{}, invalid
	}
	made, err := environmentFile(root, env, form)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{root: root, Network: env.Network.CIDR, Files: []File{{path, made}}}
	if err := plan.register(env); err != nil {
		return Plan{}, err
	}
	if err := env.Validate(); err != nil {
		plan.Left = strings.Split(err.Error(), "\n")
	}
	return plan, nil
}

// register adds the environment to config.All and to the workflows.
func (p *Plan) register(env config.Environment) error {
	const list = "config/environment.go"
	source, err := os.ReadFile(filepath.Join(p.root, list))
	if err != nil {
		return err
	}
	if source, err = registered(source, env.Name); err != nil {
		return err
	}
	p.Files = append(p.Files, File{list, source})
	paths, err := filepath.Glob(filepath.Join(p.root, ".github", "workflows", "*.yml"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s holds no workflows", p.root)
	}
	for _, path := range paths {
		before, readErr := os.ReadFile(path)
		after, madeErr := Workflow(string(before), append(config.All(), env))
		if after != string(before) {
			p.Files = append(p.Files, File{filepath.Join(".github", "workflows", filepath.Base(path)), []byte(after)})
		}
		err = errors.Join(err, readErr, madeErr)
	}
	return err
}

// candidate is the new environment, with the first free network.
func candidate(form config.Environment, choice Choice) (config.Environment, error) {
	env := form
	env.Name = choice.Name
	env.Site.Account = choice.Account
	env.Site.HostedZone = config.HostedZone{ID: choice.HostedZone, Name: choice.Domain}
	env.Site.APIDomain, env.Site.StaticDomain = "", ""
	if choice.Domain != "" {
		env.Site.APIDomain, env.Site.StaticDomain = "api."+choice.Domain, "static."+choice.Domain
	}
	free, err := freeNetwork()
	if err != nil {
		return env, err
	}
	move := mover(form.Network.CIDR, free)
	env.Network.CIDR = move(env.Network.CIDR)
	for _, tier := range []*[]string{&env.Network.Public, &env.Network.Private, &env.Network.Database} {
		*tier = slices.Clone(*tier)
		for i, block := range *tier {
			(*tier)[i] = move(block)
		}
	}
	return env, nil
}

// freeNetwork is the first 10.N.0.0/16 that no environment has a part of.
func freeNetwork() (string, error) {
	var taken []netip.Prefix
	for _, env := range config.All() {
		for _, cidr := range []string{env.Network.CIDR, env.DR.Network.CIDR} {
			if block, err := netip.ParsePrefix(cidr); err == nil {
				taken = append(taken, block)
			}
		}
	}
	for n := range 256 {
		free := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 16)
		if !slices.ContainsFunc(taken, free.Overlaps) {
			return free.String(), nil
		}
	}
	return "", errors.New("no block of 10.0.0.0/8 is free: write the file by hand")
}

// mover moves blocks of one network into another of the same size; another text stays.
func mover(from, to string) func(string) string {
	source, target := netip.MustParsePrefix(from), netip.MustParsePrefix(to)
	return func(text string) string {
		block, err := netip.ParsePrefix(text)
		if err != nil || !source.Overlaps(block) {
			return text
		}
		address, there := block.Addr().As4(), target.Addr().As4()
		for i := range target.Bits() / 8 {
			address[i] = there[i]
		}
		return netip.PrefixFrom(netip.AddrFrom4(address), block.Bits()).String()
	}
}

// places are where a new environment is written: its own files, and what follows from
// its templates, which is the lock of stateful identities, the extract of schemas and
// the tables in the documents.
var places = []string{"config", ".github/workflows", "docs", "README.md", "internal/schema/schema.json", "test/testdata"}

// Write writes the files, and lets finish write what follows from them. Where either
// fails, everything is as it was.
func (p Plan) Write(finish func() error) error {
	before, err := contents(p.root)
	if err != nil {
		return err
	}
	for _, file := range p.Files {
		err = errors.Join(err, os.WriteFile(filepath.Join(p.root, file.Path), file.content, 0o644)) // #nosec G306 -- source code
	}
	if err == nil {
		err = finish()
	}
	if err != nil {
		return errors.Join(err, restore(p.root, before))
	}
	return nil
}

// contents are the files of all places, by path.
func contents(root string) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, place := range places {
		err := filepath.WalkDir(filepath.Join(root, place), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			found[path], err = os.ReadFile(path)
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return found, nil
}

// restore puts the files of all places back.
func restore(root string, before map[string][]byte) error {
	now, err := contents(root)
	problems := []error{err}
	for path := range now {
		if _, known := before[path]; !known {
			problems = append(problems, os.Remove(path))
		}
	}
	for path, content := range before {
		if !bytes.Equal(now[path], content) {
			problems = append(problems, os.WriteFile(path, content, 0o644)) // #nosec G306 -- source code
		}
	}
	return errors.Join(problems...)
}
