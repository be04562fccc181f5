// Package service reads the wallet's service on ECS: where it stands, which releases
// it ran, and who answers its users.
package service

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"wallet-infra/config"
	"wallet-infra/internal/account"
)

// The IDs of the stacks that hold the service, as config names them.
const (
	computeStack = "compute"
	standbyStack = "dr-compute"
)

// Place is where a service stands: in the stack of that name.
type Place struct{ Region, Stack string }

// Primary is where the service that writes stands.
func Primary(env config.Environment) Place {
	return Place{env.Primary.Name, env.Names().StackName(computeStack)}
}

// Places are the environment's services: the one that writes, and its standby.
func Places(env config.Environment) []Place {
	all := []Place{Primary(env)}
	if env.DR.Mode == config.DRStandby {
		all = append(all, Place{env.Secondary.Name, env.Names().StackName(standbyStack)})
	}
	return all
}

// UnderWay are the states of an ECS deployment that has not ended.
var UnderWay = append([]types.ServiceDeploymentStatus{
	types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress,
}, GoingBack...)

// GoingBack are the states of a deployment that is being taken back.
var GoingBack = []types.ServiceDeploymentStatus{
	types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusRollbackRequested,
	types.ServiceDeploymentStatusRollbackInProgress,
}

// Service is the service in one region.
type Service struct {
	Place
	// Cluster and Name are ECS's own.
	Cluster, Name string

	ecs      *ecs.Client
	balancer *elb.Client
}

// At is the service at a place, read with the account's lookup role.
func At(a *account.Account, env config.Environment, at Place) Service {
	return Service{
		Place: at, Cluster: env.Names().ECSClusterName(), Name: env.Names().ServiceName(),
		ecs: ecs.NewFromConfig(a.Reading(at.Region)), balancer: elb.NewFromConfig(a.Reading(at.Region)),
	}
}

// Running is the service as ECS has it, or nil.
func (s Service) Running(ctx context.Context) (*types.Service, error) {
	answer, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.Cluster, Services: []string{s.Name}})
	if account.Code(err) == "ClusterNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, found := range answer.Services {
		if aws.ToString(found.Status) != "INACTIVE" { // what was deleted is shown for a while
			return &found, nil
		}
	}
	return nil, nil
}

// Deployments lists the service's deployments in some states (none: in every one),
// newest first. Where there is no service there is no deployment.
func (s Service) Deployments(ctx context.Context, in ...types.ServiceDeploymentStatus) ([]types.ServiceDeploymentBrief, error) {
	var all []types.ServiceDeploymentBrief
	input := &ecs.ListServiceDeploymentsInput{Cluster: &s.Cluster, Service: &s.Name, Status: in}
	for more := true; more; more = input.NextToken != nil {
		page, err := s.ecs.ListServiceDeployments(ctx, input)
		if code := account.Code(err); code == "ClusterNotFoundException" || code == "ServiceNotFoundException" {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, page.ServiceDeployments...)
		input.NextToken = page.NextToken
	}
	slices.SortStableFunc(all, func(a, b types.ServiceDeploymentBrief) int {
		return aws.ToTime(b.CreatedAt).Compare(aws.ToTime(a.CreatedAt))
	})
	return all, nil
}

// Deployment is one deployment as a whole, or nil.
func (s Service) Deployment(ctx context.Context, arn string) (*types.ServiceDeployment, error) {
	answer, err := s.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil || len(answer.ServiceDeployments) == 0 {
		return nil, err
	}
	return &answer.ServiceDeployments[0], nil
}

// maxRevisions is the most that one call describes.
const maxRevisions = 20

// Revisions are the revisions of those ARNs, by ARN.
func (s Service) Revisions(ctx context.Context, arns ...string) (map[string]types.ServiceRevision, error) {
	found := map[string]types.ServiceRevision{}
	wanted := slices.Compact(slices.Sorted(slices.Values(arns)))
	for chunk := range slices.Chunk(slices.DeleteFunc(wanted, func(arn string) bool { return arn == "" }), maxRevisions) {
		answer, err := s.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk})
		if err != nil {
			return nil, err
		}
		for _, revision := range answer.ServiceRevisions {
			found[aws.ToString(revision.ServiceRevisionArn)] = revision
		}
	}
	return found, nil
}

// Image is the application's image in a revision.
func (s Service) Image(revision types.ServiceRevision) types.ContainerImage {
	for _, image := range revision.ContainerImages {
		if aws.ToString(image.ContainerName) == s.Name {
			return image
		}
	}
	return types.ContainerImage{}
}

// Release is one deployment of the service, with the tag of the image that it brought.
type Release struct {
	Tag    string
	Status types.ServiceDeploymentStatus
	Begun  time.Time
	ARN    string
}

// Releases lists the service's deployments in some states as [Service.Deployments]
// does. ECS remembers 90 days.
func (s Service) Releases(ctx context.Context, in ...types.ServiceDeploymentStatus) ([]Release, error) {
	deployments, err := s.Deployments(ctx, in...)
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, deployment := range deployments {
		arns = append(arns, aws.ToString(deployment.TargetServiceRevisionArn))
	}
	revisions, err := s.Revisions(ctx, arns...)
	var all []Release
	for i, deployment := range deployments {
		all = append(all, Release{
			Tag:    TagOf(aws.ToString(s.Image(revisions[arns[i]]).Image)),
			Status: deployment.Status,
			Begun:  aws.ToTime(deployment.CreatedAt),
			ARN:    aws.ToString(deployment.ServiceDeploymentArn),
		})
	}
	return all, err
}

// Previous is the release that stood before the first deployment of the one that
// stands now: after a return from B to A it is not B again.
func Previous(history []Release) (now, before string) {
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

// TagOf is the tag of an image's name, or empty.
func TagOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	colon := strings.LastIndex(name, ":")
	if colon <= strings.LastIndex(name, "/") {
		return ""
	}
	return name[colon+1:]
}
