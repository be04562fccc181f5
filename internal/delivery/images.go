package delivery

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
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/console"
)

// checkImages looks for the release's images wherever tasks would pull them,
// before CloudFormation is asked: ECS would try for an hour. The standby migrates
// nothing, and needs its image only when its own stack is deployed: ECR copies the
// image there once the first region's stacks stand.
func (s *Session) checkImages(ctx context.Context, ready readied, regions []string, f *console.Findings) (images []PreparedImage) {
	tag := s.Env.Site.ImageTag
	if tag == config.NoImage {
		return nil
	}
	check := func(region, repository string) {
		if image, found := s.checkImage(ctx, region, repository, tag, f); found {
			images = append(images, image)
		}
	}
	for _, at := range s.services() {
		switch {
		case !slices.Contains(regions, at.region):
		case at.region == s.Env.Primary.Name:
			check(at.region, s.Env.Names().ServiceRepository())
			check(at.region, s.Env.Names().MigrationsRepository())
			s.checkCollector(ctx, at.region, f)
		case slices.ContainsFunc(ready.selected, func(stack cfn.Stack) bool { return stack.Name == at.stack }):
			check(at.region, s.Env.Names().ServiceRepository())
			s.checkCollector(ctx, at.region, f)
		}
	}
	return images
}

// checkImage looks at one image, and says whether it is there and fits.
func (s *Session) checkImage(ctx context.Context, region, repository, tag string, f *console.Findings) (PreparedImage, bool) {
	found := PreparedImage{Region: region, Repository: repository, Tag: tag}
	client := ecr.NewFromConfig(s.account.Reading(region))
	image := []types.ImageIdentifier{{ImageTag: &tag}}
	described, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &repository, ImageIds: image})
	switch {
	case account.Code(err) == "RepositoryNotFoundException" && region != s.Env.Primary.Name:
		f.Problem("the repository %s does not exist in %s: deploy what copies images there first (--stack Global, then --stack Compute), push the release under a new tag, and then deploy everything with it", repository, region)
		return found, false
	case account.Code(err) == "RepositoryNotFoundException":
		f.Problem("the repository %s does not exist in %s: a first deployment runs without an image (scripts/deploy.sh %s --image-tag %s), then push both images, then deploy with their tag", repository, region, s.Env.Name, config.NoImage)
		return found, false
	case account.Code(err) == "ImageNotFoundException" && region != s.Env.Primary.Name:
		f.Problem("%s has no tag %s in %s: ECR copies only what is pushed after the copy was set up; wait some minutes after a push, or push it again under a new tag", repository, tag, region)
		return found, false
	case account.Code(err) == "ImageNotFoundException":
		f.Problem("%s has no tag %s in %s: push it (docs/DEPLOYMENT.md#the-images)", repository, tag, region)
		return found, false
	case err != nil:
		f.Problem("image %s:%s in %s: %s", repository, tag, region, account.Explain(err))
		return found, false
	}
	if len(described.ImageDetails) == 0 || aws.ToString(described.ImageDetails[0].ImageDigest) == "" {
		f.Problem("%s:%s in %s: the registry names no digest", repository, tag, region)
		return found, false
	}
	found.Digest = aws.ToString(described.ImageDetails[0].ImageDigest)
	built, parts, err := architectures(ctx, client, s.account.HTTP(), repository, image)
	found.Parts = parts
	want := map[string]string{"X86_64": "amd64", "ARM64": "arm64"}[s.Env.Service.Architecture]
	switch {
	case err != nil:
		f.Note("%s:%s in %s: the architecture could not be read: %s", repository, tag, region, account.Explain(err))
	case !slices.Contains(built, want):
		f.Problem("%s:%s is built for %s, and Service.Architecture is %s (%s): build it with --platform linux/%s",
			repository, tag, strings.Join(built, ", "), s.Env.Service.Architecture, want, want)
	}
	return found, true
}

// imageManifest is the part of an image's manifest, or of the index over the
// manifests of several architectures, that says what it was built for.
type imageManifest struct {
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
// parts. An index names them; a
// single image names its own in its configuration, a blob that is fetched.
func architectures(ctx context.Context, client *ecr.Client, web aws.HTTPClient, repository string, image []types.ImageIdentifier) (built, parts []string, err error) {
	answer, err := client.BatchGetImage(ctx, &ecr.BatchGetImageInput{RepositoryName: &repository, ImageIds: image})
	if err != nil {
		return nil, nil, err
	}
	if len(answer.Images) == 0 {
		return nil, nil, fmt.Errorf("the registry gave no manifest")
	}
	var manifest imageManifest
	if err := json.Unmarshal([]byte(aws.ToString(answer.Images[0].ImageManifest)), &manifest); err != nil {
		return nil, nil, fmt.Errorf("the manifest is not JSON: %w", err)
	}
	if len(manifest.Manifests) > 0 {
		for _, part := range manifest.Manifests {
			built, parts = append(built, part.Platform.Architecture), append(parts, part.Digest)
		}
		return built, parts, nil
	}
	blob, err := client.GetDownloadUrlForLayer(ctx, &ecr.GetDownloadUrlForLayerInput{RepositoryName: &repository, LayerDigest: &manifest.Config.Digest})
	if err != nil {
		return nil, nil, err
	}
	built, err = configured(ctx, web, aws.ToString(blob.DownloadUrl))
	return built, nil, err
}

// maxImageConfig bounds what is read of an image's configuration, in bytes.
const maxImageConfig = 1 << 20

func configured(ctx context.Context, web aws.HTTPClient, address string) ([]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("the address of the image's configuration is not one")
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
	if err := json.NewDecoder(io.LimitReader(response.Body, maxImageConfig)).Decode(&image); err != nil || image.Architecture == "" {
		return nil, fmt.Errorf("the image's configuration (status %d) names no architecture", response.StatusCode)
	}
	return []string{image.Architecture}, nil
}
