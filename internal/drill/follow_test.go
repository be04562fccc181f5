package drill

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/drill/clock"
	"wallet-infra/internal/drill/fakeaws"
	"wallet-infra/internal/drill/plan"
)

const arn = "arn:aws:arc-region-switch::222222222222:plan/wallet-production-failover:abc123"

// following follows a plan of some steps at the fake, and keeps what it says.
func following(t *testing.T, steps ...fakeaws.SwitchStep) (*Following, *strings.Builder) {
	t.Helper()
	clk := clock.NewVirtual(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	server, err := fakeaws.New(clk)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	server.SetPlan(steps...)
	said := &strings.Builder{}
	return &Following{
		Client: arcregionswitch.New(arcregionswitch.Options{
			Region: "us-east-1", BaseEndpoint: &server.URL,
			Credentials: credentials.NewStaticCredentialsProvider("222222222222", "test", ""),
			Retryer:     aws.NopRetryer{},
		}),
		Clock: clk, PlanARN: arn, Region: "us-east-1", Mode: plan.Ungraceful, Limit: 5 * time.Minute,
		Say: func(format string, arguments ...any) { fmt.Fprintf(said, format+"\n", arguments...) },
	}, said
}

func TestARealPlanIsStartedAndFollowedToItsEnd(t *testing.T) {
	f, said := following(t, fakeaws.SwitchStep{Name: "approve", Approval: true}, fakeaws.SwitchStep{Name: "promote-database"})
	asked := 0
	f.Approve = func(step string) (bool, error) { asked++; return step == "approve", nil }
	followed, err := f.Run(context.Background())
	require.NoError(t, err)
	assert.Equal(t, types.ExecutionStateCompleted, followed.State)
	assert.Equal(t, "ungraceful", followed.Mode)
	assert.Equal(t, 1, asked)
	require.Len(t, followed.Steps, 2)
	assert.Equal(t, "completed", followed.Steps[1].Status)
	for _, line := range []string{"approve: pendingApproval", "promote-database: running", "promote-database: completed"} {
		assert.Contains(t, said.String(), line)
	}
}

func TestADeclinedApprovalEndsTheRealPlan(t *testing.T) {
	f, _ := following(t, fakeaws.SwitchStep{Name: "approve", Approval: true}, fakeaws.SwitchStep{Name: "promote-database"})
	f.Approve = func(string) (bool, error) { return false, nil }
	followed, err := f.Run(context.Background())
	assert.ErrorIs(t, err, ErrNotDone)
	assert.Equal(t, "notStarted", followed.Steps[1].Status)
}

func TestNobodyApprovesARealPlanUnasked(t *testing.T) {
	f, said := following(t, fakeaws.SwitchStep{Name: "approve", Approval: true})
	_, err := f.Run(context.Background())
	assert.ErrorIs(t, err, ErrUnfinished)
	assert.Contains(t, said.String(), "approve waits for a person")
}

func TestAFailedStepOfARealPlanIsHandedToAPerson(t *testing.T) {
	f, _ := following(t, fakeaws.SwitchStep{Name: "promote-database", Fails: true})
	followed, err := f.Run(context.Background())
	assert.ErrorIs(t, err, ErrUnfinished)
	assert.ErrorContains(t, err, "pausedByFailedStep")
	assert.Equal(t, "failed", followed.Steps[0].Status)
}

func TestARealPlanIsNotStartedTwice(t *testing.T) {
	f, _ := following(t, fakeaws.SwitchStep{Name: "approve", Approval: true})
	_, err := f.Run(context.Background())
	require.ErrorIs(t, err, ErrUnfinished)

	second := *f
	second.Execution = ""
	_, err = second.Run(context.Background())
	assert.ErrorContains(t, err, "IllegalStateException")

	// The one that is under way can be followed on.
	f.Approve = func(string) (bool, error) { return true, nil }
	followed, err := f.Run(context.Background())
	require.NoError(t, err)
	assert.Equal(t, types.ExecutionStateCompleted, followed.State)
}
