package identity

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/acknowledge"
	"wallet-infra/constructs/policy"
	"wallet-infra/constructs/value"
)

// task is something that a workflow does in an environment: who may, and what.
type task struct {
	id, name string // of the construct, and in the role's name
	about    string // the role's description
	subject  string // of GitHub's token, whole
	branch   string // the branch that the workflow must come from; empty asks nothing more
	session  time.Duration
	grants   []grant
}

// grant is a statement that allows actions on resources.
type grant struct {
	actions, resources []string
	service            string // hands a role to this service alone; only for iam:PassRole
	why                string // its wildcards are acceptable; empty where it has none
	wildcards          []string
}

// tasks are the pipeline's, by rising power. Each role is for one of them: a pull
// request's code, which nobody has read yet, must not hold what a deployment
// needs.
func tasks(env Environment) []task {
	github := env.GitHub
	main := "ref:refs/heads/" + github.Branch
	return []task{
		{
			id: "Plan", name: config.PipelinePlan, session: config.PipelineSession,
			about:   "Reads the deployed templates, to show in a pull request what it would change",
			subject: github.Platform.Subject("pull_request"),
			grants:  []grant{readTemplates(env)},
		},
		{
			id: "Watch", name: config.PipelineWatch, session: config.PipelineSession,
			about:   "Looks for what differs from the deployed templates",
			subject: github.Platform.Subject(main),
			grants:  append([]grant{assume(env, config.BootstrapLookup)}, askPlans(env)...),
		},
		{
			id: "Service", name: config.PipelineService, session: config.PipelineSession,
			about:   "Pushes images of the wallet service",
			subject: github.Service.Subject(main),
			grants:  push(env, env.Names.ServiceRepository()),
		},
		{
			id: "Migrations", name: config.PipelineMigrations, session: config.PipelineSession,
			about:   "Pushes images that change the schema",
			subject: github.Platform.Subject(main),
			grants:  push(env, env.Names.MigrationsRepository()),
		},
		{
			id: "Prepare", name: config.PipelinePrepare, session: config.PipelineSession,
			about:   "Makes the change sets that a person then approves, and cannot execute them",
			subject: github.Platform.Subject(main),
			grants:  prepare(env),
		},
		{
			id: "Deploy", name: config.PipelineDeploy, session: env.DeploySession,
			about: "Deploys, through the roles of the CDK bootstrap, after what the GitHub environment asks for",
			// A job in an environment has no branch in its subject. GitHub can be told
			// which branches may use an environment; this does not rely on it.
			subject: github.Platform.Subject("environment:" + env.Names.Environment()),
			branch:  "refs/heads/" + github.Branch,
			grants:  []grant{assume(env, config.BootstrapDeploy, config.BootstrapPublish, config.BootstrapLookup), stopRelease(env), compareAccess()},
		},
	}
}

// newRole makes the role of a task.
func newRole(scope constructs.Construct, env Environment, t task) awsiam.Role {
	asked := map[string]any{
		config.GitHubIssuer + ":aud": audience,
		config.GitHubIssuer + ":sub": t.subject,
	}
	if t.branch != "" {
		asked[config.GitHubIssuer+":ref"] = t.branch
	}
	var statements []policy.Statement
	for _, g := range t.grants {
		statements = append(statements, g.statement())
	}
	role := awsiam.NewRole(scope, new(t.id), &awsiam.RoleProps{
		RoleName:           new(env.Names.PipelineRole(t.name)),
		Description:        new(t.about),
		AssumedBy:          awsiam.NewWebIdentityPrincipal(new(env.Names.GitHubProviderARN()), &map[string]any{"StringEquals": asked}),
		MaxSessionDuration: value.Duration(t.session),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			t.id: policy.Document(statements...),
		},
	})
	acknowledge.Finding(role, "PCI.DSS.321-IAMNoInlinePolicy", "The policy belongs to this one role and goes with it: nobody can attach it to another")
	for _, g := range t.grants {
		if g.why != "" {
			acknowledge.Finding(role, "AwsSolutions-IAM5", g.why, g.wildcards...)
		}
	}
	return role
}

// statement renders the grant.
func (g grant) statement() policy.Statement {
	statement := policy.Allow("", g.resources, g.actions...)
	if g.service != "" {
		statement.Conditions = map[string]any{"StringEquals": map[string]any{"iam:PassedToService": g.service}}
	}
	return statement
}

// assume allows to assume roles of the CDK bootstrap in both regions.
func assume(env Environment, roles ...string) grant {
	g := grant{actions: []string{"sts:AssumeRole"}}
	for _, region := range env.Regions {
		for _, role := range roles {
			g.resources = append(g.resources, env.Names.BootstrapRole(role, region))
		}
	}
	return g
}

// inStacks allows actions on the environment's stacks, in both regions.
func inStacks(env Environment, actions ...string) grant {
	g := grant{
		actions: actions,
		why:     "CloudFormation draws the last part of a stack's ID, and an environment's stacks are the ones whose names begin like it",
	}
	for _, region := range env.Regions {
		g.resources = append(g.resources, env.Names.StackID(region))
		g.wildcards = append(g.wildcards, "Resource::"+env.Names.StackID(region))
	}
	return g
}

// stopRelease allows to stop a deployment of the service: the deploying command does,
// when it is hopeless.
func stopRelease(env Environment) grant {
	g := grant{
		actions: []string{"ecs:StopServiceDeployment"},
		why:     "ECS draws the last part of a deployment's ID; cluster and service are the environment's own",
	}
	for _, region := range env.Regions {
		deployments := env.Names.ARN("ecs", region, "service-deployment/"+env.Names.ECSClusterName()+"/"+env.Names.ServiceName()+"/*")
		g.resources = append(g.resources, deployments)
		g.wildcards = append(g.wildcards, "Resource::"+deployments)
	}
	return g
}

// askPlans allows to ask Region switch whether the environment's plans would go through.
func askPlans(env Environment) []grant {
	if len(env.Plans) == 0 {
		return nil
	}
	g := grant{
		actions: []string{"arc-region-switch:GetPlanEvaluationStatus"},
		why:     "Region switch draws the last part of a plan's ARN",
	}
	for _, plan := range env.Plans {
		arn := env.Names.PlanARN(plan)
		g.resources = append(g.resources, arn)
		g.wildcards = append(g.wildcards, "Resource::"+arn)
	}
	return []grant{g}
}

// readTemplates allows to read what is deployed. The bootstrap's lookup role would
// do, but it reads logs and buckets besides, with customers' data in them, and a
// pull request's code decides what it reads.
func readTemplates(env Environment) grant {
	return inStacks(env, "cloudformation:DescribeStacks", "cloudformation:GetTemplate")
}

// prepare allows to make change sets and to show them. The bootstrap's deploy role
// would do, but it also executes them, and the person's approval would be a
// courtesy.
func prepare(env Environment) []grant {
	execute := grant{actions: []string{"iam:PassRole"}, service: "cloudformation.amazonaws.com"}
	version := grant{actions: []string{"ssm:GetParameter"}}
	assets := grant{actions: []string{"s3:GetObject"}, why: "CloudFormation reads the uploaded templates with the caller's rights; their names are hashes"}
	for _, region := range env.Regions {
		execute.resources = append(execute.resources, env.Names.BootstrapRole(config.BootstrapExecute, region))
		version.resources = append(version.resources, env.Names.BootstrapVersionARN(region))
		objects := config.ARN("s3", "", "", env.Names.BootstrapAssets(region)+"/*")
		assets.resources = append(assets.resources, objects)
		assets.wildcards = append(assets.wildcards, "Resource::"+objects)
	}
	return []grant{
		assume(env, config.BootstrapPublish, config.BootstrapLookup),
		inStacks(env, "cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "cloudformation:DescribeChangeSet",
			"cloudformation:DescribeEvents", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks",
			"cloudformation:GetTemplate", "cloudformation:GetTemplateSummary", "cloudformation:ListChangeSets"),
		execute, version, assets, compareAccess(),
	}
}

// compareAccess allows to ask Access Analyzer whether a policy grants more than another
// one: it reads what it is sent, and nothing of the account.
func compareAccess() grant {
	return grant{
		actions: []string{"access-analyzer:CheckNoNewAccess"}, resources: []string{"*"},
		why: "access-analyzer:CheckNoNewAccess exists for * only; it is sent both policies and reads nothing else", wildcards: []string{"Resource::*"},
	}
}

// push allows to push to one repository, and to see whether a tag is taken.
func push(env Environment, repository string) []grant {
	return []grant{
		{
			actions: []string{"ecr:GetAuthorizationToken"}, resources: []string{"*"},
			why: "ecr:GetAuthorizationToken exists for * only; pushing is limited to the one repository", wildcards: []string{"Resource::*"},
		},
		{
			actions: []string{
				"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
				"ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
			},
			resources: []string{env.Names.RepositoryARN(repository)},
		},
	}
}
