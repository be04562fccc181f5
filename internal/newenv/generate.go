package newenv

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// generated is where what follows from the templates stands: the lock of stateful
// identities, the extract of schemas, and the tables in the documents.
var generated = []string{"docs", "README.md", "internal/schema/schema.json", "test/testdata"}

// Generate runs what writes the generated parts. Where it fails, everything is as it
// was before the plan was written.
func (p Plan) Generate(run func() error) error {
	before, err := contents(p.root)
	if err == nil {
		err = run()
	}
	if err != nil {
		return errors.Join(err, restore(p.root, before), undo(p.Files))
	}
	return nil
}

// contents are the generated files, by path.
func contents(root string) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, place := range generated {
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

// restore puts the generated files back.
func restore(root string, before map[string][]byte) error {
	now, err := contents(root)
	problems := []error{err}
	for path, content := range now {
		switch old, known := before[path]; {
		case !known:
			problems = append(problems, os.Remove(path))
		case !bytes.Equal(old, content):
			problems = append(problems, os.WriteFile(path, old, 0o644)) // #nosec G306 -- source code
		}
	}
	return errors.Join(problems...)
}
