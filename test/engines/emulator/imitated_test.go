package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// What a command asks and MiniStack cannot answer is imitated here, and nothing else.
// testdata names each.

// imitate answers a call, or leaves it to MiniStack.
func (g *gateway) imitate(ctx context.Context, service, region, action string, body []byte) (answer string, ok bool) {
	switch call := service + ":" + action; call {
	case "servicequotas:GetServiceQuota":
		answer = `{"Quota": {"Value": 10000}}`
	case "grafana:GET /versions":
		answer = `{"grafanaVersions": ["8.4", "9.4", "10.4"]}`
	case "xray:POST /GetTraceSegmentDestination":
		answer = `{"Destination": "XRay", "Status": "ACTIVE"}`
	case "ecs:ListServiceDeployments":
		answer = `{"serviceDeployments": []}`
		var wanted struct{ Status []string }
		if _ = json.Unmarshal(body, &wanted); len(wanted.Status) == 0 || slices.Contains(wanted.Status, "SUCCESSFUL") {
			answer = g.serviceDeployments(ctx, region)
		}
	case "ecs:DescribeServiceDeployments":
		answer = g.serviceDeployments(ctx, region)
	case "ecs:DescribeServiceRevisions":
		answer = g.serviceRevisions(ctx, region)
	default:
		return "", false
	}
	g.note("imitated: %s:%s", service, action)
	return answer, true
}

// rollout is a deployment of the service that ECS would have made: it ended well.
type rollout struct {
	definition string // ARN of the task definition
	begun      time.Time
}

// deployments are one for each task definition that the service had. MiniStack has
// neither deployments nor blue and green.
func (g *gateway) deployments(ctx context.Context, region string) []rollout {
	names := g.env.Names()
	answer, err := ecs.NewFromConfig(g.server.Config(g.env.Site.Account, region)).DescribeServices(ctx,
		&ecs.DescribeServicesInput{Cluster: new(names.ECSClusterName()), Services: []string{names.ServiceName()}})
	g.mutex.Lock()
	defer g.mutex.Unlock()
	known := g.rollouts[region]
	if err == nil && len(answer.Services) == 1 && aws.ToString(answer.Services[0].Status) == "ACTIVE" {
		if now := aws.ToString(answer.Services[0].TaskDefinition); len(known) == 0 || known[len(known)-1].definition != now {
			known = append(known, rollout{now, time.Now()})
			g.rollouts[region] = known
		}
	}
	return known
}

// serviceDeployments and serviceRevisions are ECS's answers about them.
func (g *gateway) serviceDeployments(ctx context.Context, region string) string {
	all := []map[string]any{}
	for _, one := range g.deployments(ctx, region) {
		all = append(all, map[string]any{"serviceDeploymentArn": "deployment of " + one.definition,
			"targetServiceRevisionArn": "revision of " + one.definition, "status": "SUCCESSFUL", "createdAt": one.begun.Unix()})
	}
	return marshal(map[string]any{"serviceDeployments": all})
}

func (g *gateway) serviceRevisions(ctx context.Context, region string) string {
	all := []map[string]any{}
	for _, one := range g.deployments(ctx, region) {
		all = append(all, map[string]any{"serviceRevisionArn": "revision of " + one.definition, "containerImages": []any{map[string]any{
			"containerName": g.env.Names().ServiceName(),
			"image":         g.env.Names().ServiceRepository() + ":" + g.env.Site.ImageTag,
			"imageDigest":   fmt.Sprintf("sha256:%x", sha256.Sum256(imageIndex(g.env))),
		}}})
	}
	return marshal(map[string]any{"serviceRevisions": all})
}

func marshal(value any) string {
	content, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(content)
}

// forwarded is a rule's target group as MiniStack answers it: it keeps the first one of
// a forward action and forgets the weights.
var forwarded = regexp.MustCompile(`<Type>forward</Type>(.*?)<TargetGroupArn>([^<]*)</TargetGroupArn>`)

// weighed gives the first target group of each rule all the traffic, as the templates
// do.
func weighed(body []byte) []byte {
	return forwarded.ReplaceAll(body, []byte(`<Type>forward</Type>$1<ForwardConfig><TargetGroups><member>`+
		`<TargetGroupArn>$2</TargetGroupArn><Weight>100</Weight></member></TargetGroups></ForwardConfig>`))
}

// startTasks registers a target in the group that has the traffic, in each region that
// has the service: MiniStack's ECS runs no tasks.
func (l *life) startTasks(t *testing.T) {
	t.Helper()
	standing := l.standing(t)
	for _, stack := range l.stacks {
		group := standing[stack.Name].outputs[config.OutputBlueTargets]
		if group == "" {
			continue
		}
		client := elb.NewFromConfig(l.server.Config(l.env.Site.Account, stack.Region))
		_, err := client.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &group,
			Targets: []elbtypes.TargetDescription{{Id: new("10.0.0.10")}}})
		require.NoError(t, err)
		l.note("imitated: elasticloadbalancing:RegisterTargets (by ECS)")
	}
}

// makeZone makes the public hosted zone, the one thing that the platform needs and
// does not make, and returns its ID, which Route 53 chooses.
func (g *gateway) makeZone(t *testing.T) string {
	t.Helper()
	made, err := route53.NewFromConfig(g.server.Config(g.env.Site.Account, g.env.Primary.Name)).CreateHostedZone(t.Context(),
		&route53.CreateHostedZoneInput{Name: &g.env.Site.HostedZone.Name, CallerReference: new(t.Name())})
	require.NoError(t, err)
	return strings.TrimPrefix(*made.HostedZone.Id, "/hostedzone/")
}

// imageIndex is the manifest of a release's image for the architecture that the tasks
// have.
func imageIndex(env config.Environment) []byte {
	return fmt.Appendf(nil, `{"manifests": [{"digest": "sha256:%064d", "platform": {"architecture": %q}}]}`, 0,
		map[string]string{"X86_64": "amd64", "ARM64": "arm64"}[env.Service.Architecture])
}

// pushImages pushes the release's images into the registries of the regions that run
// tasks, as a workflow does in the first region and ECR's replication in the second.
func (g *gateway) pushImages(t *testing.T) {
	t.Helper()
	names, index := g.env.Names(), string(imageIndex(g.env))
	for _, stack := range g.stacks {
		client := ecr.NewFromConfig(g.server.Config(g.env.Site.Account, stack.Region))
		for _, repository := range stack.Template.OfType("AWS::ECR::Repository") {
			name, ok := repository.Properties["RepositoryName"].(string)
			require.True(t, ok)
			image := ecr.PutImageInput{RepositoryName: &name, ImageManifest: &index, ImageTag: &g.env.Site.ImageTag}
			if name == names.CollectorRepository() {
				image.ImageTag, image.ImageDigest = nil, new(g.env.Service.CollectorDigest())
			}
			_, err := client.PutImage(t.Context(), &image)
			require.NoError(t, err)
		}
	}
}
