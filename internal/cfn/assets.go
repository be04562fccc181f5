package cfn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Asset is something that the CDK CLI puts into the bootstrap's bucket: a template,
// or a function's code.
type Asset struct {
	ID string // CDK's hash of its source
	// Path is the file, or the directory where Zip is true.
	Path string
	Zip  bool
	// Bucket and Key are where it goes.
	Bucket, Key string
}

// readAssets reads a stack's list of assets; an empty path is an empty list.
func readAssets(path string) ([]Asset, error) {
	if path == "" {
		return nil, nil
	}
	var list struct {
		Files map[string]struct {
			Source struct {
				Path      string `json:"path"`
				Packaging string `json:"packaging"`
			} `json:"source"`
			Destinations map[string]struct {
				Bucket string `json:"bucketName"`
				Key    string `json:"objectKey"`
			} `json:"destinations"`
		} `json:"files"`
		Images map[string]any `json:"dockerImages"`
	}
	if err := readJSON(path, &list); err != nil {
		return nil, err
	}
	if len(list.Images) > 0 {
		return nil, fmt.Errorf("%s: images as assets are not known here", path)
	}
	var assets []Asset
	for _, id := range slices.Sorted(maps.Keys(list.Files)) {
		file := list.Files[id]
		for _, to := range slices.Sorted(maps.Keys(file.Destinations)) {
			assets = append(assets, Asset{
				ID: id, Path: filepath.Join(filepath.Dir(path), file.Source.Path), Zip: file.Source.Packaging == "zip",
				Bucket: file.Destinations[to].Bucket, Key: file.Destinations[to].Key,
			})
		}
	}
	return assets, nil
}

// Seal is the SHA-256 over all from which the CDK CLI deploys the stack: the
// manifests that lead to it, the template, and each asset's name, content and right
// to be executed. It reads the files as they are now.
func (s Stack) Seal() (string, error) {
	sum := sha256.New()
	paths := append(slices.Clone(s.manifests), s.Path)
	if s.assetList != "" {
		paths = append(paths, s.assetList)
	}
	for _, asset := range s.Assets {
		paths = append(paths, asset.Path)
	}
	for i, path := range paths {
		fmt.Fprintf(sum, "%d\n", i)
		if err := sealTree(sum, path); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// sealTree adds a file, or every file of a directory in the order of their names.
func sealTree(sum hash.Hash, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		content, err := os.Open(path)
		if err != nil {
			return err
		}
		defer content.Close()
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %d %t\n", name, info.Size(), info.Mode()&0o111 != 0)
		_, err = io.Copy(sum, content)
		return err
	})
}
