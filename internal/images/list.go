package images

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ListName is the file beside a synthesis that names the images of its release.
const ListName = "images.json"

// Keep writes what a deployment ran, for the next environment's --tested.
func Keep(dir string, images []Image) error {
	content, err := json.MarshalIndent(append([]Image{}, images...), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ListName), append(content, '\n'), 0o600)
}

// Read reads what another environment's deployment ran.
func Read(path string) ([]Image, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var images []Image
	if err := json.Unmarshal(content, &images); err != nil {
		return nil, fmt.Errorf("%s: not a list of images: %w", path, err)
	}
	for _, image := range images {
		if image.Repository == "" || !strings.HasPrefix(image.Digest, "sha256:") {
			return nil, fmt.Errorf("%s: an image without a repository or a digest", path)
		}
	}
	return images, nil
}

// Moved says which tags point to another image than was reviewed or tested. An image
// that was tested in another environment is compared whatever its region.
func Moved(now, then []Image, sameRegion bool, when string) []string {
	var moved []string
	for _, image := range now {
		known := false
		for _, other := range then {
			if other.kind() != image.kind() || sameRegion && other.Region != image.Region {
				continue
			}
			known = true
			if other.Digest != image.Digest {
				moved = append(moved, fmt.Sprintf("%s:%s in %s is %s, and %s it was %s", image.Repository, image.Tag, image.Region, image.Digest, when, other.Digest))
			}
		}
		if !known {
			moved = append(moved, fmt.Sprintf("%s:%s in %s: no image of that kind was there %s", image.Repository, image.Tag, image.Region, when))
		}
	}
	return moved
}

// Is says that a digest is the image's, or that of one of an index's parts.
func (i Image) Is(digest string) bool { return digest == i.Digest || slices.Contains(i.Parts, digest) }
