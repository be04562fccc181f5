package config

import (
	"time"
)

// Pipeline is what the workflows may do in the account, and for how long.
type Pipeline struct {
	// DeploySession is how long a deployment may act on one sign-in, 1 to 12 hours.
	DeploySession time.Duration
}

// PipelineSession is how long a workflow may act on one sign-in: the least that IAM
// offers for a role. A deployment takes longer, see [Pipeline.DeploySession].
const PipelineSession = time.Hour

// The tasks of the pipeline, each with a role of its own.
const (
	PipelinePlan       = "plan"       // read what is deployed, for a pull request
	PipelinePrepare    = "prepare"    // make a change set, and not execute it
	PipelineDeploy     = "deploy"     // deploy
	PipelineWatch      = "watch"      // look for drift
	PipelineService    = "service"    // push the service's image
	PipelineMigrations = "migrations" // push the migrations' image
)

// walletPipeline is the same in every environment, since staging rehearses what
// production does.
func walletPipeline() Pipeline {
	return Pipeline{
		// A first deployment takes over an hour for the brokers and the database, and
		// CloudFormation goes on by itself when the session ends in the middle.
		DeploySession: 4 * time.Hour,
	}
}

// validatePipeline holds the session against IAM's bounds for a role.
func validatePipeline(p *problems, pipeline Pipeline) {
	p.hours("Pipeline.DeploySession", pipeline.DeploySession, 1, 12)
}
