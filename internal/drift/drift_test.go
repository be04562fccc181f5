package drift

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fake answers as CloudFormation does, from prepared answers.
type fake struct {
	refusal  error
	statuses []types.StackDriftDetectionStatus // one after the other; the last one stays
	reason   string
	pages    [][]types.StackResourceDrift
}

func (f *fake) DetectStackDrift(context.Context, *cloudformation.DetectStackDriftInput, ...func(*cloudformation.Options)) (*cloudformation.DetectStackDriftOutput, error) {
	return &cloudformation.DetectStackDriftOutput{StackDriftDetectionId: new("detection")}, f.refusal
}

func (f *fake) DescribeStackDriftDetectionStatus(_ context.Context, input *cloudformation.DescribeStackDriftDetectionStatusInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStackDriftDetectionStatusOutput, error) {
	if *input.StackDriftDetectionId != "detection" {
		return nil, errors.New("unknown detection")
	}
	now := f.statuses[0]
	if len(f.statuses) > 1 {
		f.statuses = f.statuses[1:]
	}
	return &cloudformation.DescribeStackDriftDetectionStatusOutput{DetectionStatus: now, DetectionStatusReason: &f.reason}, nil
}

func (f *fake) DescribeStackResourceDrifts(_ context.Context, input *cloudformation.DescribeStackResourceDriftsInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStackResourceDriftsOutput, error) {
	page := 0
	if input.NextToken != nil {
		page = 1
	}
	output := &cloudformation.DescribeStackResourceDriftsOutput{}
	for _, resource := range f.pages[page] { // CloudFormation answers only what the filters name
		if slices.Contains(input.StackResourceDriftStatusFilters, resource.StackResourceDriftStatus) {
			output.StackResourceDrifts = append(output.StackResourceDrifts, resource)
		}
	}
	if page+1 < len(f.pages) {
		output.NextToken = new("next")
	}
	return output, nil
}

// look runs a detection and counts how often it waits.
func look(t *testing.T, f *fake) (result Result, waits int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { // where a wait takes no time
		begun := time.Now()
		result, err = Detector{API: f}.Look(t.Context(), "wallet-staging-compute")
		waits = int(time.Since(begun) / interval)
	})
	return result, waits, err
}

func resourceDrift(resourceType string, status types.StackResourceDriftStatus, properties ...string) types.StackResourceDrift {
	d := types.StackResourceDrift{LogicalResourceId: new("Resource"), ResourceType: &resourceType, StackResourceDriftStatus: status}
	for _, property := range properties {
		d.PropertyDifferences = append(d.PropertyDifferences, types.PropertyDifference{
			PropertyPath: &property, DifferenceType: types.DifferenceTypeNotEqual, ExpectedValue: new("wanted"), ActualValue: new("sécret"),
		})
	}
	return d
}

const complete, under = types.StackDriftDetectionStatusDetectionComplete, types.StackDriftDetectionStatusDetectionInProgress

func TestADetectionIsWaitedForAndReadToItsLastPage(t *testing.T) {
	result, waits, err := look(t, &fake{statuses: []types.StackDriftDetectionStatus{under, under, complete}, pages: [][]types.StackResourceDrift{
		{resourceDrift("AWS::S3::Bucket", types.StackResourceDriftStatusModified, "/VersioningConfiguration/Status")},
		{resourceDrift("AWS::SQS::Queue", types.StackResourceDriftStatusDeleted)},
	}})
	require.NoError(t, err)
	assert.Equal(t, 2, waits)
	require.Len(t, result.Differences, 2)
	assert.Equal(t, Difference{Stack: "wallet-staging-compute", LogicalID: "Resource", Type: "AWS::SQS::Queue", Kind: "DELETED"}, result.Differences[1])
	assert.True(t, Unexpected([]Result{result}))
}

// The paths are those of the example in
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_PropertyDifference.html
func TestOnlyWhatThePlatformItselfChangesIsExpected(t *testing.T) {
	const rule, kafka = "AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::MSK::Cluster"
	const weight = "/Actions/0/ForwardConfig/TargetGroups/0/Weight"
	const volume = "/BrokerNodeGroupInfo/StorageInfo/EBSStorageInfo/VolumeSize"
	for name, test := range map[string]struct {
		resource, property string
		kind               types.DifferenceType
		wanted, actual     string
		expected           bool
	}{
		"ECS moves the requests to the other colour":    {rule, weight, types.DifferenceTypeNotEqual, "100", "0", true},
		"a rule without a weight":                       {rule, weight, types.DifferenceTypeRemove, "100", "", false},
		"a redirect in place of the forward":            {rule, "/Actions/0/Type", types.DifferenceTypeNotEqual, "forward", "redirect", false},
		"a redirect added":                              {rule, "/Actions/0/RedirectConfig", types.DifferenceTypeAdd, "", "{}", false},
		"a stranger's target group":                     {rule, "/Actions/0/ForwardConfig/TargetGroups/0/TargetGroupArn", types.DifferenceTypeNotEqual, "a", "b", false},
		"a third target group":                          {rule, "/Actions/0/ForwardConfig/TargetGroups/2", types.DifferenceTypeAdd, "", "{}", false},
		"sessions that stick":                           {rule, "/Actions/0/ForwardConfig/TargetGroupStickinessConfig", types.DifferenceTypeAdd, "", "{}", false},
		"a rule's whole actions":                        {rule, "/Actions", types.DifferenceTypeNotEqual, "[]", "[]", false},
		"a path that only ends alike":                   {rule, "/Conditions/0/Actions/0/ForwardConfig/TargetGroups/0/Weight", types.DifferenceTypeNotEqual, "1", "2", false},
		"another path of the API":                       {rule, "/Conditions/0/PathPatternConfig", types.DifferenceTypeNotEqual, "a", "b", false},
		"a listener's default action, which none moves": {"AWS::ElasticLoadBalancingV2::Listener", "/DefaultActions/0/ForwardConfig/TargetGroups/0/Weight", types.DifferenceTypeNotEqual, "100", "0", false},
		"Kafka's volumes grew":                          {kafka, volume, types.DifferenceTypeNotEqual, "500", "750", true},
		"Kafka's volumes are smaller than wanted":       {kafka, volume, types.DifferenceTypeNotEqual, "500", "400", false},
		"a size that is no number":                      {kafka, volume, types.DifferenceTypeNotEqual, "500", "much", false},
		"provisioned throughput was switched on":        {kafka, "/BrokerNodeGroupInfo/StorageInfo/EBSStorageInfo/ProvisionedThroughput", types.DifferenceTypeAdd, "", "{}", false},
	} {
		t.Run(name, func(t *testing.T) {
			changed := resourceDrift(test.resource, types.StackResourceDriftStatusModified, test.property)
			changed.PropertyDifferences[0].DifferenceType = test.kind
			changed.PropertyDifferences[0].ExpectedValue, changed.PropertyDifferences[0].ActualValue = &test.wanted, &test.actual
			result, _, err := look(t, &fake{statuses: []types.StackDriftDetectionStatus{complete}, pages: [][]types.StackResourceDrift{{changed}}})
			require.NoError(t, err)
			assert.Equal(t, test.expected, !Unexpected([]Result{result}))
		})
	}
	gone, _, err := look(t, &fake{statuses: []types.StackDriftDetectionStatus{complete}, pages: [][]types.StackResourceDrift{
		{resourceDrift("AWS::ElasticLoadBalancingV2::ListenerRule", types.StackResourceDriftStatusDeleted)},
	}})
	require.NoError(t, err)
	assert.True(t, Unexpected([]Result{gone}), "a rule that is gone is never expected")
}

// A detection that fails for one resource has looked at the others.
func TestWhatCouldNotBeSeenIsReportedAndHidesNothing(t *testing.T) {
	result, _, err := look(t, &fake{
		statuses: []types.StackDriftDetectionStatus{types.StackDriftDetectionStatusDetectionFailed}, reason: "Failed to detect drift on\nresource [Key]",
		pages: [][]types.StackResourceDrift{{resourceDrift("AWS::S3::Bucket", types.StackResourceDriftStatusModified, "/BucketEncryption")}},
	})
	require.NoError(t, err)
	report := Report("staging", []Result{result}, nil)
	assert.Contains(t, report, "was not seen whole: Failed to detect drift on resource [Key]")
	assert.Contains(t, report, "| wallet-staging-compute | Resource (AWS::S3::Bucket) | /BucketEncryption | NOT_EQUAL |")
}

func TestAResourceOfWhichCloudFormationKnowsNothingIsNotInOrder(t *testing.T) {
	result, _, err := look(t, &fake{statuses: []types.StackDriftDetectionStatus{complete}, pages: [][]types.StackResourceDrift{
		{resourceDrift("AWS::S3::Bucket", types.StackResourceDriftStatusUnknown)},
	}})
	require.NoError(t, err)
	assert.True(t, Unexpected([]Result{result}))
	assert.Contains(t, Report("staging", []Result{result}, nil), "was not seen whole: Resource is unknown")
}

func TestAStackThatIsNotDeployedStandsInTheReport(t *testing.T) {
	assert.Contains(t, Report("staging", nil, []string{"wallet-staging-data"}), "- wallet-staging-data is not deployed")
	assert.NotContains(t, Report("staging", nil, []string{"wallet-staging-data"}), "as their templates say")
}

func TestNoValueStandsInTheReport(t *testing.T) {
	result, _, err := look(t, &fake{statuses: []types.StackDriftDetectionStatus{complete}, pages: [][]types.StackResourceDrift{
		{resourceDrift("AWS::Lambda::Function", types.StackResourceDriftStatusModified, "/Environment/Variables/TOKEN")},
	}})
	require.NoError(t, err)
	assert.NotContains(t, Report("staging", []Result{result}, nil), "sécret")
}

func TestAStackThatIsNotThereIsToldFromAFailure(t *testing.T) {
	_, _, err := look(t, &fake{refusal: &smithy.GenericAPIError{Code: "ValidationError", Message: "Stack with id wallet-staging-compute does not exist"}})
	assert.ErrorIs(t, err, ErrNotDeployed)
	_, _, err = look(t, &fake{refusal: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}})
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrNotDeployed)
}

func TestADetectionThatNeverEndsIsGivenUp(t *testing.T) {
	_, waits, err := look(t, &fake{statuses: []types.StackDriftDetectionStatus{under}})
	assert.ErrorContains(t, err, "did not end within 20m0s")
	assert.Equal(t, int(longest/interval), waits)
}
