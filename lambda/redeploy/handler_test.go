package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const arn = "arn:aws:ecs:sa-east-1:111111111111:service-deployment/wallet-test/wallet-service/"

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// fakeECS serves the two calls over HTTP, to the SDK's real client. Each rule names
// where AWS states it.
type fakeECS struct {
	t           *testing.T
	deployments []deployment // newest last
	pageSize    int
	absent      bool
	refuse      map[string]bool // operations that are throttled
	updates     []map[string]any
}

type deployment struct {
	id, status string
	created    time.Time
}

func (f *fakeECS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.")
	var in map[string]any
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&in))
	assert.Equal(f.t, []any{"wallet-test", "wallet-service"}, []any{in["cluster"], in["service"]})
	switch {
	case f.refuse[operation]:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)
	case f.absent: // API_ListServiceDeployments, Errors
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ServiceNotFoundException","message":"Service not found."}`)
	case operation == "UpdateService":
		f.updates = append(f.updates, in)
		// API_UpdateService, forceNewDeployment: a deployment of the same version.
		f.deployments = append(f.deployments, deployment{id: fmt.Sprint("forced-", len(f.updates)), status: "PENDING"})
		fmt.Fprint(w, `{"service":{}}`)
	case operation == "ListServiceDeployments":
		f.list(w, in)
	default:
		assert.Fail(f.t, "unexpected call", operation)
	}
}

// list is API_ListServiceDeployments: filters by status and creation, a page at a
// time.
func (f *fakeECS) list(w http.ResponseWriter, in map[string]any) {
	wanted, _ := in["status"].([]any)
	after := time.Time{}
	if created, filtered := in["createdAt"].(map[string]any); filtered {
		after = time.UnixMilli(int64(created["after"].(float64) * 1000))
	}
	found := []map[string]any{}
	for _, each := range f.deployments {
		if slices.Contains(wanted, any(each.status)) && !each.created.Before(after) {
			found = append(found, map[string]any{
				"serviceDeploymentArn": arn + each.id, "status": each.status,
				"createdAt": float64(each.created.UnixMilli()) / 1000,
			})
		}
	}
	page := map[string]any{}
	begin := 0
	if token, given := in["nextToken"].(string); given {
		_, err := fmt.Sscan(token, &begin)
		assert.NoError(f.t, err)
	}
	end := min(begin+f.pageSize, len(found))
	if end < len(found) {
		page["nextToken"] = fmt.Sprint(end)
	}
	page["serviceDeployments"] = found[begin:end]
	assert.NoError(f.t, json.NewEncoder(w).Encode(page))
}

// newHandler makes the function over a service with these deployments.
func newHandler(t *testing.T, deployments ...deployment) (handler, *fakeECS, *[]string) {
	fake := &fakeECS{t: t, deployments: deployments, pageSize: 1, refuse: map[string]bool{}}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	client := ecs.New(ecs.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
	logged := &[]string{}
	return handler{ecs: client, cluster: "wallet-test", service: "wallet-service", logf: func(format string, values ...any) {
		*logged = append(*logged, fmt.Sprintf(format, values...))
	}}, fake, logged
}

// rotation is a message about a password that was rotated at a time, as a rule of
// EventBridge puts it into a queue.
func rotation(id string, at time.Time) events.SQSMessage {
	return events.SQSMessage{MessageId: id, Body: fmt.Sprintf(
		`{"version":"0","id":"e","detail-type":"Database password rotated","source":"wallet.database","account":"111111111111",`+
			`"time":%q,"region":"sa-east-1","resources":["arn"],"detail":{}}`, at.Format(time.RFC3339))}
}

// kept calls the function and returns the messages that come back.
func kept(t *testing.T, h handler, messages ...events.SQSMessage) []string {
	response, err := h.handle(t.Context(), events.SQSEvent{Records: messages})
	require.NoError(t, err)
	var back []string
	for _, failure := range response.BatchItemFailures {
		back = append(back, failure.ItemIdentifier)
	}
	return back
}

func TestARotatedPasswordReplacesTheTasks(t *testing.T) {
	h, fake, _ := newHandler(t, deployment{"old", "SUCCESSFUL", noon.Add(-time.Hour)})
	message := rotation("a", noon)
	assert.Equal(t, []string{"a"}, kept(t, h, message), "a deployment that fails must not be forgotten")
	require.Len(t, fake.updates, 1)
	assert.Equal(t, true, fake.updates[0]["forceNewDeployment"])
	assert.NotContains(t, fake.updates[0], "desiredCount", "it would undo the autoscaling of a busy hour")

	assert.Equal(t, []string{"a"}, kept(t, h, message), "while it is under way")
	fake.deployments[1].status, fake.deployments[1].created = "SUCCESSFUL", noon.Add(time.Minute)
	assert.Empty(t, kept(t, h, message))
	assert.Len(t, fake.updates, 1)
}

func TestADeploymentUnderWayIsNotInterrupted(t *testing.T) {
	for _, status := range []string{"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"} {
		h, fake, logged := newHandler(t, deployment{"now", status, noon.Add(-time.Minute)})
		assert.Equal(t, []string{"a", "b"}, kept(t, h, rotation("a", noon), rotation("b", noon)), status)
		assert.Empty(t, fake.updates, status)
		assert.Contains(t, (*logged)[0], "waiting for "+arn+"now")
	}
}

func TestSeveralRotationsShareADeployment(t *testing.T) {
	h, fake, _ := newHandler(t)
	assert.Equal(t, []string{"a", "b"}, kept(t, h, rotation("a", noon), rotation("b", noon.Add(time.Hour))))
	assert.Len(t, fake.updates, 1)
}

func TestATaskThatHasTheNewPasswordStays(t *testing.T) {
	h, fake, _ := newHandler(t,
		deployment{"before", "SUCCESSFUL", noon.Add(-time.Minute)},
		deployment{"after", "SUCCESSFUL", noon.Add(10 * time.Minute)},
		deployment{"failed", "ROLLBACK_SUCCESSFUL", noon.Add(50 * time.Minute)})
	assert.Empty(t, kept(t, h, rotation("a", noon)))
	assert.Empty(t, fake.updates)
	assert.Equal(t, []string{"b"}, kept(t, h, rotation("a", noon), rotation("b", noon.Add(30*time.Minute))))
	assert.Len(t, fake.updates, 1, "what succeeded before the rotation, or failed after it, replaced nothing")
}

// An event's time has no fraction, a deployment's has.
func TestADeploymentOfTheSameSecondIsNotTrusted(t *testing.T) {
	h, fake, _ := newHandler(t, deployment{"same", "SUCCESSFUL", noon.Add(500 * time.Millisecond)})
	assert.Equal(t, []string{"a"}, kept(t, h, rotation("a", noon)))
	assert.Len(t, fake.updates, 1)
}

func TestAServiceWithoutTasksNeedsNoDeployment(t *testing.T) {
	h, fake, _ := newHandler(t)
	fake.absent = true
	assert.Empty(t, kept(t, h, rotation("a", noon)), "before the first image there is no service")
}

func TestAThrottledCallIsMadeAgain(t *testing.T) {
	for _, operation := range []string{"ListServiceDeployments", "UpdateService"} {
		h, fake, logged := newHandler(t)
		fake.refuse[operation] = true
		assert.Equal(t, []string{"a", "b"}, kept(t, h, rotation("a", noon), rotation("b", noon)), operation)
		assert.Empty(t, fake.updates)
		assert.Contains(t, (*logged)[0], "Rate exceeded")
	}
}

func TestAMessageThatIsNoEventEndsInTheDeadLetterQueue(t *testing.T) {
	for _, body := range []string{"hello", "{}"} {
		h, fake, logged := newHandler(t, deployment{"after", "SUCCESSFUL", noon.Add(time.Minute)})
		assert.Equal(t, []string{"x"}, kept(t, h, events.SQSMessage{MessageId: "x", Body: body}, rotation("a", noon)))
		assert.Empty(t, fake.updates)
		assert.Contains(t, (*logged)[0], "the message x: want an event of EventBridge")
	}
	h, _, _ := newHandler(t)
	assert.Equal(t, []string{"x"}, kept(t, h, events.SQSMessage{MessageId: "x"}))
}
