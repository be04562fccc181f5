package customresource

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fails(context.Context, map[string]any) (map[string]any, error) {
	return nil, errors.New("refused")
}

func succeeds(context.Context, map[string]any) (map[string]any, error) {
	return map[string]any{"Host": "b-1"}, nil
}

func TestAnIDThatChangesWouldDeleteTheResource(t *testing.T) {
	create := cfn.Event{RequestType: cfn.RequestCreate, RequestID: "r", LogicalResourceID: "Access"}
	first, _, err := Handler(fails)(t.Context(), create)
	require.EqualError(t, err, "refused")
	create.RequestID = "another"
	repeated, data, err := Handler(succeeds)(t.Context(), create)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"Host": "b-1"}, data)
	assert.NotEmpty(t, first)
	assert.Equal(t, first, repeated, "a repeated call, and one that fails")

	update := create
	update.RequestType, update.PhysicalResourceID = cfn.RequestUpdate, "given-before"
	update.ResourceProperties = map[string]any{"Cluster": "another"}
	for _, ensure := range []Ensure{fails, succeeds} {
		id, _, _ := Handler(ensure)(t.Context(), update)
		assert.Equal(t, "given-before", id)
	}
}

func TestARollbackOfARefusedCreationEndsAndDeletesNothing(t *testing.T) {
	asked := func(context.Context, map[string]any) (map[string]any, error) {
		assert.Fail(t, "deletion must do nothing")
		return nil, nil
	}
	id, _, err := Handler(asked)(t.Context(), cfn.Event{RequestType: cfn.RequestDelete, PhysicalResourceID: "x"})
	require.NoError(t, err, "the stack would hang in ROLLBACK_FAILED")
	assert.Equal(t, "x", id)
}

func TestCloudFormationLearnsTheReasonBeforeLambdaKillsTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		_, _, err := Handler(func(ctx context.Context, _ map[string]any) (map[string]any, error) {
			<-ctx.Done()
			return nil, errors.New("no such host")
		})(ctx, cfn.Event{RequestType: cfn.RequestCreate})
		require.EqualError(t, err, "no such host")
		deadline, _ := ctx.Deadline()
		assert.GreaterOrEqual(t, time.Until(deadline), 15*time.Second, "enough to send an answer")
	})
}

// "Custom resource response objects": the response body is at most 4,096 bytes.
func TestALongReasonIsCutRatherThanRefused(t *testing.T) {
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	long := func(context.Context, map[string]any) (map[string]any, error) {
		return nil, errors.New("want Cluster, got " + strings.Repeat(`"`, 5000))
	}
	_, err := cfn.LambdaWrap(Handler(long))(t.Context(), cfn.Event{
		RequestType: cfn.RequestCreate, LogicalResourceID: "Access", ResponseURL: server.URL,
		StackID: strings.Repeat("s", 300), RequestID: strings.Repeat("r", 36),
	})
	require.NoError(t, err)
	assert.LessOrEqual(t, len(body), 4096)
	var answer struct{ Reason, Status string }
	require.NoError(t, json.Unmarshal(body, &answer))
	assert.Equal(t, "FAILED", answer.Status)
	assert.Contains(t, answer.Reason, "want Cluster, got")
}
