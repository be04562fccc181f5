package delivery

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
)

// PreparedCode is a function's code as it lies in the bootstrap's bucket. The bucket
// keeps versions, and no two bodies have the same.
type PreparedCode struct {
	Bucket, Key, Version string
	SHA256               string // of the body, as Lambda has it: base64
}

// PreparedImage is an image of the release.
type PreparedImage struct {
	Region, Repository, Tag string
	// Digest is what the tag points to, and Parts are the images of an index.
	Digest string
	Parts  []string `json:",omitempty"`
}

// kind is what the image is in every environment: "service" or "migrations".
func (i PreparedImage) kind() string { return lastPart(i.Repository) }

// maxCode bounds what is read of a function's code, in bytes: Lambda's own limit of a
// package that is uploaded
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxCode = 250 << 20

// uploadedCode reads back the code that a stack's functions would get, and fails where
// it is not what was synthesized: the CLI leaves an object alone that has the right
// name, whatever is in it.
func (s *Session) uploadedCode(ctx context.Context, stack cfn.Stack) ([]PreparedCode, error) {
	var all []PreparedCode
	for _, asset := range stack.Assets {
		if asset.Path == stack.Path { // the change set's own template is compared
			continue
		}
		answer, err := s.bucket(stack.Region).GetObject(ctx, &s3.GetObjectInput{Bucket: &asset.Bucket, Key: &asset.Key})
		if err != nil {
			return nil, fmt.Errorf("code %s: %s", asset.Key, account.Explain(err))
		}
		body, err := io.ReadAll(io.LimitReader(answer.Body, maxCode+1))
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return nil, fmt.Errorf("code %s: %w", asset.Key, err)
		}
		version := aws.ToString(answer.VersionId)
		if version == "" || version == "null" {
			return nil, fmt.Errorf("the bucket %s keeps no versions: nobody could tell whether its code is replaced after the review", asset.Bucket)
		}
		if err := sameCode(asset, body); err != nil {
			return nil, exit.With(exit.Stale, "%s in %s is not the code that was synthesized (%w): find out who wrote it, and delete it", asset.Key, asset.Bucket, err)
		}
		sum := sha256.Sum256(body)
		all = append(all, PreparedCode{Bucket: asset.Bucket, Key: asset.Key, Version: version, SHA256: base64.StdEncoding.EncodeToString(sum[:])})
	}
	return all, nil
}

// bucket reads the bootstrap's bucket in a region.
func (s *Session) bucket(region string) *s3.Client {
	return s3.NewFromConfig(s.account.Publishing(region), func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
}

// sameCode compares an uploaded body with the asset on disk, file by file.
func sameCode(asset cfn.Asset, body []byte) error {
	if !asset.Zip {
		content, err := os.ReadFile(asset.Path)
		if err == nil && !bytes.Equal(content, body) {
			err = errors.New("its content differs")
		}
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return err
	}
	packed := map[string]string{}
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		content, err := file.Open()
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, io.LimitReader(content, maxCode))
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
		if _, twice := packed[file.Name]; twice {
			return fmt.Errorf("%s stands twice in it", file.Name)
		}
		packed[file.Name] = hex.EncodeToString(sum.Sum(nil))
	}
	return sameFiles(asset.Path, packed)
}

// sameFiles compares a directory with hashes by name.
func sameFiles(root string, packed map[string]string) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		if packed[filepath.ToSlash(name)] != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("%s differs", name)
		}
		delete(packed, filepath.ToSlash(name))
		return nil
	})
	if err == nil && len(packed) > 0 {
		err = fmt.Errorf("it has %d files more", len(packed))
	}
	return err
}

// replacedCode says which of the reviewed code is another body now, or gone.
func (s *Session) replacedCode(ctx context.Context, prepared PreparedStack) (why string, err error) {
	for _, code := range prepared.Code {
		answer, err := s.bucket(prepared.Region).HeadObject(ctx, &s3.HeadObjectInput{Bucket: &code.Bucket, Key: &code.Key})
		if err != nil {
			return "", err
		}
		if aws.ToString(answer.VersionId) != code.Version {
			return fmt.Sprintf("the code %s in %s was written again since the review", code.Key, code.Bucket), nil
		}
	}
	return "", nil
}

// otherCode says which deployed function of a stack does not run the reviewed code. A
// body that was replaced for a moment shows here.
func (s *Session) otherCode(ctx context.Context, stack cfn.Stack, reviewed []PreparedCode) (why string, err error) {
	want := map[string]string{} // by logical ID
	for _, function := range stack.Template.OfType("AWS::Lambda::Function") {
		code, _ := function.Properties["Code"].(map[string]any)
		for _, known := range reviewed {
			if key, _ := code["S3Key"].(string); key == known.Key {
				want[function.ID] = known.SHA256
			}
		}
	}
	if len(want) == 0 {
		return "", nil
	}
	resources, err := s.stacks.Resources(ctx, stack.Region, stack.Name)
	if err != nil {
		return "", err
	}
	for _, resource := range resources {
		sum, known := want[aws.ToString(resource.LogicalResourceId)]
		if !known {
			continue
		}
		answer, err := lambda.NewFromConfig(s.account.Reading(stack.Region)).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: resource.PhysicalResourceId})
		if err != nil {
			return "", err
		}
		if aws.ToString(answer.CodeSha256) != sum {
			return fmt.Sprintf("the function %s runs code (SHA-256 %s) that was not reviewed (%s)", aws.ToString(resource.PhysicalResourceId), aws.ToString(answer.CodeSha256), sum), nil
		}
	}
	return "", nil
}

// movedImages says which tags point to another image than was reviewed or tested.
func movedImages(now, then []PreparedImage, sameRegion bool, when string) []string {
	var moved []string
	for _, image := range now {
		for _, other := range then {
			if other.kind() == image.kind() && other.Digest != image.Digest && (!sameRegion || other.Region == image.Region) {
				moved = append(moved, fmt.Sprintf("%s:%s in %s is %s, and %s it was %s", image.Repository, image.Tag, image.Region, image.Digest, when, other.Digest))
			}
		}
		if !slices.ContainsFunc(then, func(other PreparedImage) bool {
			return other.kind() == image.kind() && (!sameRegion || other.Region == image.Region)
		}) {
			moved = append(moved, fmt.Sprintf("%s:%s in %s: no image of that kind was there %s", image.Repository, image.Tag, image.Region, when))
		}
	}
	return moved
}

// otherImage says whether a service runs another image than the reviewed one.
func (s *Session) otherImage(ctx context.Context, at place, reviewed []PreparedImage) (why string, err error) {
	index := slices.IndexFunc(reviewed, func(i PreparedImage) bool {
		return i.Region == at.region && i.Repository == s.Env.Names().ServiceRepository()
	})
	if index < 0 {
		return "", nil
	}
	compute, err := s.stacks.Describe(ctx, at.region, at.stack)
	if err != nil {
		return "", err
	}
	history, err := s.deployments(ctx, at.region, compute.Outputs, nil)
	if err != nil || len(history) == 0 {
		return "", err
	}
	answer, err := s.ecs(at.region).DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{
		ServiceRevisionArns: []string{aws.ToString(history[0].TargetServiceRevisionArn)},
	})
	if err != nil {
		return "", err
	}
	for _, revision := range answer.ServiceRevisions {
		for _, image := range revision.ContainerImages {
			digest := aws.ToString(image.ImageDigest)
			if aws.ToString(image.ContainerName) == s.Env.Names().ServiceName() && digest != reviewed[index].Digest && !slices.Contains(reviewed[index].Parts, digest) {
				return fmt.Sprintf("%s runs the image %s, and %s was reviewed", s.Env.Names().ServiceName(), digest, reviewed[index].Digest), nil
			}
		}
	}
	return "", nil
}

// imagesName is the file beside a synthesis that names the images of its release.
const imagesName = "images.json"

// keepImages writes what this deployment ran, for the next environment's --tested.
func keepImages(dir string, images []PreparedImage) error {
	content, err := json.MarshalIndent(append([]PreparedImage{}, images...), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, imagesName), append(content, '\n'), 0o600)
}

// ReadImages reads what another environment's deployment ran.
func ReadImages(path string) ([]PreparedImage, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var images []PreparedImage
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
