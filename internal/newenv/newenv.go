// Package newenv writes what a new environment of the platform needs: a file of
// config in staging's form, its registration and its jobs in the workflows. All of it
// or nothing is written, and what only a person knows is named.
package newenv

import (
	"errors"
	"fmt"
	"go/scanner"
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

// File is one file before and after.
type File struct {
	Path          string
	before, after []byte
	isNew         bool
}

// Prepare plans an environment beside those of config, in the repository at root. It
// reports everything that is wrong with the choice at once, and writes nothing.
func Prepare(root string, choice Choice) (Plan, error) {
	form := config.Staging()
	env, network, err := candidate(form, choice)
	if err != nil {
		return Plan{}, err
	}
	// What is wrong although the rest were filled in is wrong with the choice.
	filled := choice
	filled.Account = orElse(choice.Account, form.Site.Account)
	filled.Domain = orElse(choice.Domain, "new-env.example.com")
	filled.HostedZone = orElse(choice.HostedZone, form.Site.HostedZone.ID)
	whole, _, err := candidate(form, filled)
	if err != nil {
		return Plan{}, err
	}
	_, invalid := config.Select(append(config.All(), whole), config.Choice{})
	made, unwritable := environmentFile(root, env, form)
	if syntax := (scanner.ErrorList)(nil); invalid != nil && errors.As(unwritable, &syntax) {
		unwritable = nil // Go cannot read a function of that name: said already
	}
	if err := errors.Join(invalid, unwritable); err != nil {
		return Plan{}, err
	}
	registration, err := registrationIn(root, made.function)
	if err != nil {
		return Plan{}, err
	}
	workflows, err := workflowsOf(root, append(config.All(), env))
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{root: root, Network: network, Files: append([]File{made.File, registration}, workflows...)}
	if err := env.Validate(); err != nil {
		plan.Left = strings.Split(err.Error(), "\n")
	}
	return plan, nil
}

func orElse(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

// candidate is the new environment, with the first free network.
func candidate(form config.Environment, choice Choice) (env config.Environment, network string, err error) {
	env = form
	env.Name = choice.Name
	env.Site.Account = choice.Account
	env.Site.HostedZone = config.HostedZone{ID: choice.HostedZone, Name: choice.Domain}
	env.Site.APIDomain, env.Site.StaticDomain = "", ""
	if choice.Domain != "" {
		env.Site.APIDomain, env.Site.StaticDomain = "api."+choice.Domain, "static."+choice.Domain
	}
	free, err := freeNetwork()
	if err != nil {
		return env, "", err
	}
	move := mover(form.Network.CIDR, free)
	env.Network.CIDR = move(env.Network.CIDR)
	for _, tier := range []*[]string{&env.Network.Public, &env.Network.Private, &env.Network.Database} {
		*tier = slices.Clone(*tier)
		for i, block := range *tier {
			(*tier)[i] = move(block)
		}
	}
	return env, free, nil
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

// workflowsOf are the workflows that change.
func workflowsOf(root string, environments []config.Environment) ([]File, error) {
	paths, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s holds no workflows", root)
	}
	var files []File
	for _, path := range paths {
		before, readErr := os.ReadFile(path)
		after, madeErr := Workflow(string(before), environments)
		if err := errors.Join(readErr, madeErr); err != nil {
			return nil, err
		}
		if after != string(before) {
			files = append(files, File{Path: path, before: before, after: []byte(after)})
		}
	}
	return files, err
}

// Write writes the files. Where one cannot be written, the others are as before.
func (p Plan) Write() error {
	for i, file := range p.Files {
		if err := os.WriteFile(file.Path, file.after, 0o644); err != nil { // #nosec G306 -- source code
			return errors.Join(err, undo(p.Files[:i+1]))
		}
	}
	return nil
}

// undo puts files back.
func undo(files []File) error {
	var problems []error
	for _, file := range files {
		switch {
		case !file.isNew:
			problems = append(problems, os.WriteFile(file.Path, file.before, 0o644)) // #nosec G306 -- source code
		default:
			if err := os.Remove(file.Path); !errors.Is(err, os.ErrNotExist) {
				problems = append(problems, err)
			}
		}
	}
	return errors.Join(problems...)
}
