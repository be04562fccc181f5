package recovery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsarcregionswitch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"wallet-infra/config"
)

// addRecords makes the API's name: two failover records, each an alias of a region's
// own load balancer. The health that Region switch gives a region decides, never the
// load balancer's: a name that moves by itself would send payments to a database
// that cannot write.
//
// The two are one resource, because Route 53 takes records of one name together
// or not at all when their routing changes.
func addRecords(scope constructs.Construct, props Props, traffic awsarcregionswitch.CfnPlan) {
	record := func(region config.Region, role string) any {
		return &awsroute53.CfnRecordSetGroup_RecordSetProperty{
			Name:          new(props.APIDomain + "."),
			Type:          new("A"),
			SetIdentifier: new(region.Name),
			Failover:      new(role),
			HealthCheckId: healthOf(traffic, region),
			AliasTarget: &awsroute53.CfnRecordSetGroup_AliasTargetProperty{
				DnsName:              new(props.Names.RegionalDomain(region) + "."),
				HostedZoneId:         new(props.HostedZone.ID),
				EvaluateTargetHealth: new(false),
			},
		}
	}
	awsroute53.NewCfnRecordSetGroup(scope, new("Name"), &awsroute53.CfnRecordSetGroupProps{
		HostedZoneId: new(props.HostedZone.ID),
		Comment:      new("The wallet API, in the region that the traffic plan activated last"),
		RecordSets:   &[]any{record(props.Primary, "PRIMARY"), record(props.Secondary, "SECONDARY")},
	})
}

// healthOf is the health check that the plan made for a region. The plan returns
// a list of "zone:name:region:check", in no promised order, so the region is looked
// for by its name; in any other form, the deployment fails and no record hangs on
// the wrong check. The form is not in AWS's documentation; it is what others saw
// (docs/decisions/0048-three-plans.md).
func healthOf(plan awsarcregionswitch.CfnPlan, region config.Region) *string {
	all := awscdk.Fn_Join(new(","), plan.AttrPlanHealthChecks())
	after := awscdk.Fn_Select(jsii.Number(1), awscdk.Fn_Split(new(":"+region.Name+":"), all, nil))
	return awscdk.Fn_Select(jsii.Number(0), awscdk.Fn_Split(new(","), after, nil))
}

// newProbes ask each region's load balancer from Route 53's checkers around the world
// whether anybody is there. TCP, because everything but the API's own paths is
// answered with 404: that the service behind works is the region's own alarms'
// matter, and that its region is there is this one's.
func newProbes(scope constructs.Construct, props Props) map[string]string {
	probe := props.Recovery.Probe
	checks := map[string]string{}
	for _, region := range regions(props) {
		check := awsroute53.NewCfnHealthCheck(scope, new("Probe-"+region.Name), &awsroute53.CfnHealthCheckProps{
			HealthCheckConfig: &awsroute53.CfnHealthCheck_HealthCheckConfigProperty{
				Type:                     new("TCP"),
				FullyQualifiedDomainName: new(props.Names.RegionalDomain(region)),
				Port:                     jsii.Number(config.HTTPSPort),
				RequestInterval:          jsii.Number(probe.Interval.Seconds()),
				FailureThreshold:         jsii.Number(probe.Failures),
			},
		})
		checks[region.Name] = *check.AttrHealthCheckId()
	}
	return checks
}
