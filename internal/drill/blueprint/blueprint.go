// Package blueprint reads from the synthesized templates what a drill needs to
// build: the Region switch plans, and the resources of both regions that their
// steps touch. It invents nothing: what a plan names and no template makes is a
// problem that it reports.
package blueprint

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"wallet-infra/internal/cfn"
	"wallet-infra/internal/drill/plan"
)

// The resource types that are read.
const (
	typePlan         = plan.Type
	typeGlobal       = "AWS::RDS::GlobalCluster"
	typeCluster      = "AWS::RDS::DBCluster"
	typeInstance     = "AWS::RDS::DBInstance"
	typeECS          = "AWS::ECS::Cluster"
	typeService      = "AWS::ECS::Service"
	typeScaling      = "AWS::ApplicationAutoScaling::ScalableTarget"
	typeRecord       = "AWS::Route53::RecordSet"
	typeGroup        = "AWS::Route53::RecordSetGroup"
	typeHealthCheck  = "AWS::Route53::HealthCheck"
	typeAlarm        = "AWS::CloudWatch::Alarm"
	typeLoadBalancer = "AWS::ElasticLoadBalancingV2::LoadBalancer"
)

// Blueprint is what one environment's drill builds and executes.
type Blueprint struct {
	Account            string
	Primary, Secondary string // regions
	Plans              []plan.Plan
	// Failover and Failback are the plans that a person starts, to go to the
	// second region and to come back.
	Failover, Failback plan.Plan
	Database           Database
	Services           []Service // of both regions
	Records            []Record
	// RegionalRecords are the records of single regions that the moved ones lead to.
	RegionalRecords []Record
	Alarms          []Alarm
	arns            map[string]string // plan name by ARN
}

// Database is the Aurora global database with its cluster in each region.
type Database struct {
	ID, Engine, Version string
	Encrypted           bool
	Clusters            []Cluster
}

// Cluster is one region's Aurora cluster.
type Cluster struct {
	ID, ARN, Region string
	Instances       []Instance
}

// Instance is one instance of a cluster.
type Instance struct{ ID, Class string }

// Service is one region's ECS service with the bounds of its scaling.
type Service struct {
	Name, ARN, Region       string
	ClusterName, ClusterARN string
	Min, Max                int // tasks
}

// Record is a DNS record that a plan's step moves.
type Record struct {
	Zone, Name, Type string
	SetID, Failover  string // Failover is PRIMARY or SECONDARY, or empty
	Region           string // that the record leads to
	Target           string
	Evaluates        bool // the health of its target
	TTL              time.Duration
	// HealthCheck is true where the record has one: only then can a health check
	// move it.
	HealthCheck bool
}

// Alarm is a CloudWatch alarm that a plan watches.
type Alarm struct {
	Name, ARN, Region string
	// Detection is the time in which the alarm notices: its periods.
	Detection time.Duration
	// Kind is applicationHealth or trigger.
	Kind string
}

// aliasTTL is what Route 53 answers with for an alias to a load balancer.
// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
const aliasTTL = 60 * time.Second

// Read finds the plans in the stacks whose name starts with the prefix, and
// everything that they touch. It fails where there is no plan, and lists all that
// plans name and no template makes.
func Read(stacks []cfn.Stack, prefix string) (Blueprint, error) {
	var own []cfn.Stack
	for _, stack := range stacks {
		if strings.HasPrefix(stack.Name, prefix+"-") {
			own = append(own, stack)
		}
	}
	read := &reader{resolver: cfn.Resolver{Stacks: own, Attribute: physical}, stacks: own}
	read.arns = map[string]string{}
	if err := read.plans(); err != nil {
		return Blueprint{}, err
	}
	read.chooseSteps()
	for _, p := range read.Plans {
		for _, alarm := range p.AssociatedAlarms {
			read.alarm(alarm)
		}
		for _, workflow := range p.Workflows {
			read.touch(workflow.Steps)
		}
	}
	if len(read.Database.Clusters) == 0 {
		read.problem("no step moves a database")
	}
	return read.Blueprint, errors.Join(read.problems...)
}

// reader collects the blueprint and what is wrong with it.
type reader struct {
	resolver cfn.Resolver
	Blueprint
	stacks   []cfn.Stack
	problems []error
}

func (r *reader) problem(format string, arguments ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, arguments...))
}

// made is a resource with the stack that makes it and its properties resolved.
type made struct {
	cfn.Resource
	stack cfn.Stack
}

// each lists every resource of a type, in the order of stacks and IDs.
func (r *reader) each(resourceType string) []made {
	var found []made
	for _, stack := range r.stacks {
		for _, resource := range stack.Template.OfType(resourceType) {
			resource.Properties, _ = r.resolver.Resolve(stack, resource.Properties).(cfn.Object)
			found = append(found, made{resource, stack})
		}
	}
	return found
}

// text is a property of a resource, or what is within it.
func (m made) text(path ...any) string { return text(cfn.Lookup(m.Properties, path...)) }

// name and arn are what the resource is called in its account.
func (r *reader) name(m made) string { return r.resolver.Text(m.stack, cfn.Object{"Ref": m.ID}) }

func (r *reader) attribute(m made, name string) string {
	return r.resolver.Text(m.stack, cfn.Object{"Fn::GetAtt": []any{m.ID, name}})
}

// text writes a resolved value as text.
func text(value any) string {
	if value = cfn.Normalize(value); value == nil {
		return ""
	}
	return cfn.Render(value)
}

func (r *reader) plans() error {
	var problems []error
	for _, one := range r.each(typePlan) {
		p, err := plan.Parse(one.stack.Name, one.ID, standIns(one.Properties))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		r.Account = one.stack.Account
		r.Plans = append(r.Plans, p)
		r.arns[r.attribute(one, "Arn")] = p.Name
	}
	if len(r.Plans) == 0 && len(problems) == 0 {
		return fmt.Errorf("no %s in the templates: nothing to rehearse", typePlan)
	}
	return errors.Join(problems...)
}

// chooseSteps finds the plan that a person starts in a disaster, and the way
// back. A plan that is another's child is started by its parent. Of several, the
// way back is the one whose name says so.
func (r *reader) chooseSteps() {
	children := map[string]bool{}
	for _, p := range r.Plans {
		for _, workflow := range p.Workflows {
			for _, step := range workflow.Steps {
				children[r.arns[step.ExecutionBlockConfiguration.RegionSwitchPlanConfig.Arn]] = true
			}
		}
	}
	for _, p := range r.Plans {
		if children[p.Name] {
			continue
		}
		if strings.Contains(strings.ToLower(p.Name+p.LogicalID), "failback") {
			r.Failback = p
		} else if r.Failover.Name == "" {
			r.Failover = p
		}
	}
	r.Primary = r.Failover.PrimaryRegion
	for _, region := range r.Failover.Regions {
		if region != r.Primary {
			r.Secondary = region
		}
	}
	if r.Failback.Name == "" {
		r.Failback = r.Failover
	}
	if _, ok := r.Failover.Activates(r.Secondary); !ok {
		r.problem("plan %q has no workflow that activates %q", r.Failover.Name, r.Secondary)
	}
	if _, ok := r.Failback.Activates(r.Primary); !ok {
		r.problem("no plan leads back: %q has no workflow that activates %q", r.Failback.Name, r.Primary)
	}
}

// Child finds a plan by its ARN.
func (b Blueprint) Child(arn string) (plan.Plan, bool) {
	for _, p := range b.Plans {
		if p.Name == b.arns[arn] {
			return p, true
		}
	}
	return plan.Plan{}, false
}

// Cluster is the Aurora cluster of a region.
func (d Database) Cluster(region string) (Cluster, bool) {
	for _, cluster := range d.Clusters {
		if cluster.Region == region {
			return cluster, true
		}
	}
	return Cluster{}, false
}
