// Package images asks the registries for what a release's tasks pull: whether it is
// there, what it is, and whether it is still what was reviewed or tested.
package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/console"
)

// Image is an image of a release.
type Image struct {
	Region, Repository, Tag string
	// Digest is what the tag points to, and Parts are the images of an index.
	Digest string
	Parts  []string `json:",omitempty"`
}

// kind is what the image is in every environment: "service" or "migrations".
func (i Image) kind() string { return i.Repository[strings.LastIndex(i.Repository, "/")+1:] }

// Look asks for a release's images.
type Look struct {
	Account *account.Account
	Env     config.Environment
	Found   *console.Findings

	// Images are those that are there, and Missing names those that are not.
	Images  []Image
	Missing []string
}

// missing notes what is not there, and says whether that is what err tells.
func (l *Look) missing(err error, region, repository, reference string) bool {
	switch account.Code(err) {
	case "RepositoryNotFoundException":
		l.Missing = append(l.Missing, fmt.Sprintf("%s%s in %s: there is no such repository", repository, reference, region))
	case "ImageNotFoundException":
		note := ""
		if region != l.Env.Primary.Name {
			note = ": ECR copies only what is pushed after the copy was set up; wait some minutes after a push, or push it again under a new tag"
		}
		l.Missing = append(l.Missing, fmt.Sprintf("%s%s in %s%s", repository, reference, region, note))
	default:
		return false
	}
	return true
}

// describe is what the registry knows of an image. ECR says with an error that an image
// is not there; an answer without one is no proof that it is.
func describe(ctx context.Context, client *ecr.Client, repository string, image []types.ImageIdentifier) (types.ImageDetail, error) {
	described, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &repository, ImageIds: image})
	switch {
	case err != nil:
		return types.ImageDetail{}, err
	case len(described.ImageDetails) == 0:
		return types.ImageDetail{}, &types.ImageNotFoundException{}
	}
	return described.ImageDetails[0], nil
}

// Release looks for one image of the release.
func (l *Look) Release(ctx context.Context, region, repository string) {
	found := Image{Region: region, Repository: repository, Tag: l.Env.Site.ImageTag}
	name := fmt.Sprintf("%s:%s in %s", repository, found.Tag, region)
	client := ecr.NewFromConfig(l.Account.Reading(region))
	image := []types.ImageIdentifier{{ImageTag: &found.Tag}}
	described, err := describe(ctx, client, repository, image)
	switch {
	case l.missing(err, region, repository, ":"+found.Tag):
		return
	case err != nil:
		l.Found.Problem("image %s: %s", name, account.Explain(err))
		return
	case aws.ToString(described.ImageDigest) == "":
		l.Found.Problem("%s: the registry names no digest", name)
		return
	}
	found.Digest = aws.ToString(described.ImageDigest)
	built, parts, err := architectures(ctx, client, l.Account.HTTP(), repository, image)
	found.Parts = parts
	want := map[string]string{"X86_64": "amd64", "ARM64": "arm64"}[l.Env.Service.Architecture]
	switch {
	case err != nil:
		l.Found.Note("%s: the architecture could not be read: %s", name, account.Explain(err))
	case !slices.Contains(built, want):
		l.Found.Problem("%s is built for %s, and Service.Architecture is %s (%s): build it with --platform linux/%s",
			name, strings.Join(built, ", "), l.Env.Service.Architecture, want, want)
	}
	l.Images = append(l.Images, found)
}

// Collector looks for the telemetry collector in a region's own registry. No task
// starts without it: a failed pull is the task's end, although the container is not
// essential.
func (l *Look) Collector(ctx context.Context, region string) {
	repository, digest := l.Env.Names().CollectorRepository(), l.Env.Service.CollectorDigest()
	_, err := describe(ctx, ecr.NewFromConfig(l.Account.Reading(region)), repository, []types.ImageIdentifier{{ImageDigest: &digest}})
	if err != nil && !l.missing(err, region, repository, "@"+digest) {
		l.Found.Problem("image %s@%s in %s: %s", repository, digest, region, account.Explain(err))
	}
}

// manifest is the part of an image's manifest, or of the index over the manifests of
// several architectures, that says what it was built for.
type manifest struct {
	Config struct {
		Digest string `json:"digest"`
	} `json:"config"`
	Manifests []struct {
		Digest   string `json:"digest"`
		Platform struct {
			Architecture string `json:"architecture"`
		} `json:"platform"`
	} `json:"manifests"`
}

// architectures are those that an image was built for, with the digests of an index's
// parts. An index names them; a single image names its own in its configuration, a blob
// that is fetched.
func architectures(ctx context.Context, client *ecr.Client, web aws.HTTPClient, repository string, image []types.ImageIdentifier) (built, parts []string, err error) {
	answer, err := client.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: &repository, ImageIds: image})
	if err != nil {
		return nil, nil, err
	}
	if len(answer.Images) == 0 {
		return nil, nil, errors.New("the registry gave no manifest")
	}
	var list manifest
	if err := json.Unmarshal([]byte(aws.ToString(answer.Images[0].ImageManifest)), &list); err != nil {
		return nil, nil, fmt.Errorf("the manifest is not JSON: %w", err)
	}
	if len(list.Manifests) > 0 {
		for _, part := range list.Manifests {
			built, parts = append(built, part.Platform.Architecture), append(parts, part.Digest)
		}
		return built, parts, nil
	}
	blob, err := client.GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: &repository, LayerDigest: &list.Config.Digest})
	if err != nil {
		return nil, nil, err
	}
	built, err = configured(ctx, web, aws.ToString(blob.DownloadUrl))
	return built, nil, err
}

// maxConfiguration bounds what is read of an image's configuration, in bytes.
const maxConfiguration = 1 << 20

func configured(ctx context.Context, web aws.HTTPClient, address string) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address of the image's configuration is not one")
	}
	response, err := web.Do(request)
	if err != nil {
		if failed := new(url.Error); errors.As(err, &failed) { // the address itself is a credential
			err = failed.Err
		}
		return nil, fmt.Errorf("the image's configuration cannot be fetched: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var image struct {
		Architecture string `json:"architecture"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxConfiguration)).Decode(&image); err != nil || image.Architecture == "" {
		return nil, fmt.Errorf("the image's configuration (status %d) names no architecture", response.StatusCode)
	}
	return []string{image.Architecture}, nil
}
