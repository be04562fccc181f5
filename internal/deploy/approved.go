package deploy

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/images"
	"wallet-infra/internal/poll"
	"wallet-infra/internal/service"
)

// approved is what may run: the code of a stack's functions, and the release's images.
type approved struct {
	code   []PreparedCode
	images []images.Image
}

// PreparedCode is a function's code as it lies in the bootstrap's bucket. The bucket
// keeps versions, and no two bodies have the same.
type PreparedCode struct {
	Bucket, Key, Version string
	SHA256               string // of the body, as Lambda has it: base64
}

// maxCode bounds what is read of a function's code, in bytes: Lambda's own limit of a
// package that is uploaded
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxCode = 250 << 20

// uploadedCode reads the code that a stack's functions get, and fails where it is not
// what was synthesized: the CLI leaves an object alone that has the right name, whatever
// is in it. Before the CLI has run, code may be missing that it will upload.
func (d Deployment) uploadedCode(ctx context.Context, stack cfn.Stack, uploaded bool) ([]PreparedCode, error) {
	var all []PreparedCode
	for _, asset := range stack.Assets {
		if asset.Path == stack.Path { // the template itself is compared by CloudFormation
			continue
		}
		answer, err := d.bucket(stack.Region).GetObject(ctx, &s3.GetObjectInput{Bucket: &asset.Bucket, Key: &asset.Key})
		if account.Code(err) == "NoSuchKey" && !uploaded {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("code %s: %w", asset.Key, err)
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
func (d Deployment) bucket(region string) *s3.Client {
	return s3.NewFromConfig(d.Account.Publishing(region), func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
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
	packed, err := sums(archive) // which refuses a name that stands twice
	if err != nil {
		return err
	}
	written, err := sums(os.DirFS(asset.Path))
	if err != nil {
		return err
	}
	maps.DeleteFunc(packed, func(name, sum string) bool {
		same := written[name] == sum
		delete(written, name)
		return same
	})
	if other := slices.Sorted(maps.Keys(packed)); len(other) > 0 {
		return fmt.Errorf("%s differs", other[0])
	}
	if less := slices.Sorted(maps.Keys(written)); len(less) > 0 {
		return fmt.Errorf("%s is not in it", less[0])
	}
	return nil
}

// sums are the SHA-256 of a tree's files, by name.
func sums(tree fs.FS) (map[string]string, error) {
	found := map[string]string{}
	return found, fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := tree.Open(name)
		if err != nil {
			return err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, io.LimitReader(file, maxCode))
		found[name] = hex.EncodeToString(sum.Sum(nil))
		return errors.Join(err, file.Close())
	})
}

// replacedCode says which of the reviewed code is another body now, or gone.
func (d Deployment) replacedCode(ctx context.Context, prepared PreparedStack) (why string, err error) {
	for _, code := range prepared.Code {
		answer, err := d.bucket(prepared.Region).HeadObject(ctx, &s3.HeadObjectInput{Bucket: &code.Bucket, Key: &code.Key})
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
func (d Deployment) otherCode(ctx context.Context, stack cfn.Stack, reviewed []PreparedCode) (why string, err error) {
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
	resources, err := d.Stacks().Resources(ctx, stack.Region, stack.Name)
	if err != nil {
		return "", err
	}
	for _, resource := range resources {
		sum, known := want[aws.ToString(resource.LogicalResourceId)]
		if !known {
			continue
		}
		answer, err := lambda.NewFromConfig(d.Account.Reading(stack.Region)).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: resource.PhysicalResourceId})
		if err != nil {
			return "", err
		}
		if aws.ToString(answer.CodeSha256) != sum {
			return fmt.Sprintf("the function %s runs code (SHA-256 %s) that is not the approved (%s)", aws.ToString(resource.PhysicalResourceId), aws.ToString(answer.CodeSha256), sum), nil
		}
	}
	return "", nil
}

// otherImage says whether a service runs another image than the approved one.
func (d Deployment) otherImage(ctx context.Context, at service.Place, approved []images.Image) (why string, err error) {
	index := slices.IndexFunc(approved, func(i images.Image) bool {
		return i.Region == at.Region && i.Repository == d.Env.Names().ServiceRepository()
	})
	if index < 0 {
		return "", nil
	}
	wallet := service.At(d.Account, d.Env, at)
	history, err := wallet.Deployments(ctx)
	if err != nil || len(history) == 0 {
		return "", err
	}
	revisions, err := wallet.Revisions(ctx, aws.ToString(history[0].TargetServiceRevisionArn))
	for _, revision := range revisions {
		if image := wallet.Image(revision); image.ContainerName != nil && !approved[index].Is(aws.ToString(image.ImageDigest)) {
			runs := cmp.Or(aws.ToString(image.ImageDigest), "of which ECS names no digest")
			return fmt.Sprintf("%s runs the image %s, and %s is the approved", wallet.Name, runs, approved[index].Digest), nil
		}
	}
	return "", err
}

// otherThan says what of a stack runs something that was not approved.
func (d Deployment) otherThan(ctx context.Context, stack cfn.Stack, wanted approved) (why string, err error) {
	why, err = d.otherCode(ctx, stack, wanted.code)
	for _, at := range service.Places(d.Env) {
		if err == nil && why == "" && at.Stack == stack.Name {
			why, err = d.otherImage(ctx, at, wanted.images)
		}
	}
	return why, err
}

// AWS's answers may be some time behind: what runs is looked at every pollRuns, for
// longestRuns.
const (
	pollRuns    = 20 * time.Second
	longestRuns = 2 * time.Minute
)

// verify fails where what runs after a step is not what was approved.
func (d Deployment) verify(ctx context.Context, at step) error {
	wanted, err := at.wanted(ctx)
	why := ""
	if err == nil {
		err = poll.Until(ctx, pollRuns, longestRuns, func() (bool, error) {
			why, err = d.otherThan(ctx, at.stack, wanted)
			return why == "", err
		})
	}
	if exit.Of(err) == exit.Stale { // the code was changed while the CLI ran
		why = err.Error()
	}
	switch {
	case why != "":
		return exit.With(exit.Failed, "%s was deployed, and %s: somebody changed it meanwhile. Treat it as an attack, and return to the release before (go tool wallet %s rollback)", at.stack.Name, why, d.Env.Name)
	case ctx.Err() != nil:
		return exit.With(exit.Interrupted, "%s was deployed, and interrupted before it was seen whether it runs what was approved: run the same command again", at.stack.Name)
	case err != nil:
		return exit.With(exit.Failed, "%s was deployed, and whether it runs what was approved could not be seen: %s", at.stack.Name, account.Explain(err))
	}
	return nil
}
