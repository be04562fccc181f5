// Package recovery makes what moves the wallet from one region to the other and
// back: the Region switch plans, the role of the person who approves them, the
// name that follows the active region, and the probes that see from outside when a
// region is gone.
//
// Everything stands in the second region and names what it acts on. Region switch
// executes a plan in the region that is being activated, with a data plane of its
// own in each.
package recovery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
	"wallet-infra/constructs/policy"
)

// Props describe an environment's recovery.
type Props struct {
	Names config.Names
	// Primary and Secondary are the regions between which the plans move the wallet;
	// everything here stands in Secondary.
	Primary, Secondary config.Region
	HostedZone         config.HostedZone
	APIDomain          string // the name that follows the active region
	Service            config.Service
	Recovery           config.Recovery
	// Reports receives a report of each execution, under [ReportPrefix].
	Reports awss3.IBucket
}

// Recovery is what the alarms need to know of the load balancers.
type Recovery struct {
	// Probes are the IDs of the health checks on the regions' load balancers, by region.
	Probes map[string]string
}

// ReportPrefix is where in the bucket the reports go.
const ReportPrefix = "region-switch"

// New makes three plans. The failover plan is for the loss of the active
// region: run gracefully it switches over without loss, run ungracefully it takes
// the other region's database whatever that has. The failback plan cannot lose
// data, however it is run. Both end with the traffic plan, because a record has
// one health check and each plan with a DNS step makes its own: two plans with
// such a step would fight over the name.
func New(scope constructs.Construct, props Props) Recovery {
	own := constructs.NewConstruct(scope, new("Recovery"))
	approver := newApprover(own, props)
	traffic := newPlan(own, props, plan{
		name:    config.PlanTraffic,
		purpose: "Moves the API's name to the activated region",
		steps:   []any{trafficStep(props)},
		may:     trafficStatements(props),
	})
	failover := newPlan(own, props, plan{
		name:    config.PlanFailover,
		purpose: "The active region is lost or about to be: activate the other one",
		steps:   failoverSteps(props, approver, traffic),
		may:     failoverStatements(props, traffic),
	})
	failback := newPlan(own, props, plan{
		name:    config.PlanFailback,
		purpose: "Both regions are well: return to the first one, or change regions on purpose, without loss",
		steps:   failbackSteps(props, approver, traffic),
		may:     failbackStatements(props, traffic),
	})
	allowApproval(own, approver, failover, failback)
	addRecords(own, props, traffic)
	return Recovery{Probes: newProbes(own, props)}
}

// plan is one Region switch plan: a single workflow that can activate either
// region, since the way is the same in both directions.
type plan struct {
	name, purpose string
	steps         []any
	may           []policy.Statement
}

// regions are the plan's, the first one first.
func regions(props Props) []config.Region {
	return []config.Region{props.Primary, props.Secondary}
}
