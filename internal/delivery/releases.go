package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// release is one deployment of the service.
type release struct {
	Tag    string
	Status types.ServiceDeploymentStatus
	Begun  time.Time
	ARN    string
}

// maxRevisions is the most that one call describes.
const maxRevisions = 20

// releases lists the service's deployments in some states (nil: in every one),
// newest first, with the tag of the image that each brought. ECS remembers 90
// days.
func (s *Session) releases(ctx context.Context, outputs map[string]string, in []types.ServiceDeploymentStatus) ([]release, error) {
	deployments, err := s.deployments(ctx, s.Env.Primary.Name, outputs, in)
	if err != nil {
		return nil, err
	}
	var revisions []string
	for _, deployment := range deployments {
		if arn := aws.ToString(deployment.TargetServiceRevisionArn); arn != "" && !slices.Contains(revisions, arn) {
			revisions = append(revisions, arn)
		}
	}
	tags := map[string]string{}
	for chunk := range slices.Chunk(revisions, maxRevisions) {
		answer, err := s.ecs(s.Env.Primary.Name).DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk})
		if err != nil {
			return nil, err
		}
		for _, revision := range answer.ServiceRevisions {
			tags[aws.ToString(revision.ServiceRevisionArn)] = s.serviceTag(revision)
		}
	}
	var all []release
	for _, deployment := range deployments {
		all = append(all, release{
			Tag:    tags[aws.ToString(deployment.TargetServiceRevisionArn)],
			Status: deployment.Status,
			Begun:  aws.ToTime(deployment.CreatedAt),
			ARN:    aws.ToString(deployment.ServiceDeploymentArn),
		})
	}
	return all, nil
}

// serviceTag is the tag of the application's image in a revision.
func (s *Session) serviceTag(revision types.ServiceRevision) string {
	for _, image := range revision.ContainerImages {
		if aws.ToString(image.ContainerName) == s.Env.Names().ServiceName() {
			return tagOf(aws.ToString(image.Image))
		}
	}
	return ""
}

// previous is the release that stood before the first deployment of the one that
// stands now: after a return from B to A it is not B again.
func previous(history []release) (now, before string) {
	if len(history) == 0 {
		return "", ""
	}
	now = history[0].Tag
	first := 0
	for i, one := range history {
		if one.Tag == now {
			first = i
		}
	}
	for _, one := range history[first:] {
		if one.Tag != now && one.Tag != "" {
			return now, one.Tag
		}
	}
	return now, ""
}
