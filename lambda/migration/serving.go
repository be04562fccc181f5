package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"wallet-infra/lambda/internal/attempt"
)

// What the task is told of the releases that serve, beside their tags: that there is
// none (the program's own word), or that nobody knows.
const (
	none    = "none"
	unknown = "unknown"
)

// servicesAPI is the part of ECS that says what runs.
type servicesAPI interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
}

// serving are the tags of the releases that a migration must not break, in order: those
// that the deployment would replace, and those of the other region, which serves after
// a failover. ECS may have gone back to an older one by itself since the last
// deployment, so that nobody is asked but ECS.
func (r run) serving(ctx context.Context) (string, error) {
	revisions, err := r.replaced(ctx)
	if err != nil {
		return "", err
	}
	tags, err := r.tags(ctx, r.ecs, revisions)
	if err != nil {
		return "", err
	}
	if r.other != nil {
		elsewhere, err := current(ctx, r.other, r.otherCluster, r.otherService)
		if err != nil {
			return "", fmt.Errorf("in the other region: %w", err)
		}
		more, err := r.tags(ctx, r.other, elsewhere)
		if err != nil {
			return "", fmt.Errorf("in the other region: %w", err)
		}
		tags = append(tags, more...)
	}
	if len(tags) == 0 {
		return none, nil
	}
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ","), nil
}

// replaced are the service revisions that run beside the deployment's own: its sources,
// and what the service itself says, because either may be read before it is written.
func (r run) replaced(ctx context.Context) ([]string, error) {
	out, err := r.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{r.deployment}})
	switch {
	case err != nil:
		return nil, err
	case len(out.ServiceDeployments) == 0:
		return nil, attempt.Again(fmt.Errorf("ECS does not know the deployment %s: %s", r.deployment, reasons(out.Failures)))
	}
	deployment := out.ServiceDeployments[0]
	target := ""
	if deployment.TargetServiceRevision != nil {
		target = aws.ToString(deployment.TargetServiceRevision.Arn)
	}
	if target == "" {
		return nil, attempt.Again(fmt.Errorf("ECS does not say yet what %s deploys", r.deployment))
	}
	all, err := current(ctx, r.ecs, r.cluster, aws.ToString(deployment.ServiceArn))
	if err != nil {
		return nil, err
	}
	for _, source := range deployment.SourceServiceRevisions {
		all = append(all, aws.ToString(source.Arn))
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(arn string) bool { return arn == target }), nil
}

// current are the service revisions of a service that has tasks, or should have; none
// if there is no such service.
func current(ctx context.Context, api servicesAPI, cluster, service string) ([]string, error) {
	out, err := api.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: new(cluster), Services: []string{service}})
	if err != nil {
		return nil, err
	}
	for _, failure := range out.Failures {
		if aws.ToString(failure.Reason) != "MISSING" {
			return nil, attempt.Again(fmt.Errorf("the service %s: %s", service, reasons(out.Failures)))
		}
	}
	var arns []string
	for _, found := range out.Services {
		for _, revision := range found.CurrentServiceRevisions {
			arns = append(arns, aws.ToString(revision.Arn))
		}
	}
	return arns, nil
}

// mostRevisions is how many DescribeServiceRevisions takes.
const mostRevisions = 20

// tags are those of the service's image in each revision.
func (r run) tags(ctx context.Context, api servicesAPI, revisions []string) ([]string, error) {
	var tags []string
	for part := range slices.Chunk(revisions, mostRevisions) {
		out, err := api.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: part})
		if err != nil {
			return nil, err
		}
		if len(out.ServiceRevisions) != len(part) {
			return nil, attempt.Again(fmt.Errorf("ECS knows %d of the service revisions %v: %s", len(out.ServiceRevisions), part, reasons(out.Failures)))
		}
		for _, revision := range out.ServiceRevisions {
			tag := tagOf(revision, r.serviceContainer)
			if tag == "" {
				return nil, fmt.Errorf("the service revision %s does not name the image of %s", aws.ToString(revision.ServiceRevisionArn), r.serviceContainer)
			}
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

// tagOf is what follows the colon of the container's image, REGISTRY/NAME:TAG.
func tagOf(revision types.ServiceRevision, container string) string {
	for _, each := range revision.ContainerImages {
		if aws.ToString(each.ContainerName) == container {
			image, _, _ := strings.Cut(aws.ToString(each.Image), "@")
			name := image[strings.LastIndex(image, "/")+1:]
			_, tag, _ := strings.Cut(name, ":")
			return tag
		}
	}
	return ""
}
