package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const cluster = "wallet-test"

// fakeECS serves the parts of Amazon ECS's API that the function calls, over HTTP
// and to the SDK's real client. Each rule names where AWS states it.
type fakeECS struct {
	t    *testing.T
	lock sync.Mutex
	now  func() time.Time
	// tasks by ARN, and the requests by client token that made them.
	tasks  map[string]*fakeTask
	tokens map[string]fakeRequest
	// inactive are task definitions that were deregistered.
	inactive map[string]bool
	// started is called with each new task, so that a test can write its fate.
	started func(*fakeTask)
	// refuse answers instead of the API while it returns true.
	refuse func(operation string, w http.ResponseWriter) bool
	calls  map[string]int
}

// fakeTask is what DescribeTasks returns, with the JSON names of API_Task.
type fakeTask struct {
	ARN        string          `json:"taskArn"`
	Definition string          `json:"taskDefinitionArn"`
	LastStatus string          `json:"lastStatus"`
	StopCode   string          `json:"stopCode,omitempty"`
	Reason     string          `json:"stoppedReason,omitempty"`
	CreatedAt  float64         `json:"createdAt"`
	Containers []fakeContainer `json:"containers"`

	stoppedAt time.Time
}

type fakeContainer struct {
	Name     string `json:"name"`
	ExitCode *int   `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

type fakeRequest struct {
	parameters map[string]any
	task       string
}

func newFakeECS(t *testing.T, now func() time.Time) (*fakeECS, *ecs.Client) {
	f := &fakeECS{
		t: t, now: now, tasks: map[string]*fakeTask{}, tokens: map[string]fakeRequest{},
		inactive: map[string]bool{}, calls: map[string]int{},
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client := ecs.New(ecs.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
	return f, client
}

// exit ends the task's container, and with it the task.
func (f *fakeECS) exit(task *fakeTask, status int) {
	task.LastStatus, task.StopCode, task.Reason = "STOPPED", "EssentialContainerExited", "Essential container in task exited"
	task.Containers[0].ExitCode, task.stoppedAt = new(status), f.now()
}

func (f *fakeECS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.lock.Lock()
	defer f.lock.Unlock()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.")
	f.calls[operation]++
	if f.refuse != nil && f.refuse(operation, w) {
		return
	}
	var in map[string]any
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&in))
	assert.Equal(f.t, cluster, in["cluster"], "without a cluster ECS takes the one named default")
	switch operation {
	case "RunTask":
		f.runTask(w, in)
	case "DescribeTasks":
		f.describeTasks(w, in)
	case "StopTask":
		f.stopTask(w, in)
	default:
		refuseWith(w, 400, "UnknownOperationException", operation)
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(value)
}

func refuseWith(w http.ResponseWriter, status int, kind, message string, more ...string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	body := map[string]any{"__type": kind, "message": message}
	if len(more) > 0 {
		body["resourceIds"] = more
	}
	_ = json.NewEncoder(w).Encode(body)
}

var (
	// API_RunTask, clientToken: up to 64 characters in the range of 33 to 126.
	tokenForm = regexp.MustCompile(`^[!-~]{1,64}$`)
	// API_RunTask, startedBy: up to 128 letters, numbers, hyphens, slashes and
	// underscores.
	startedByForm = regexp.MustCompile(`^[A-Za-z0-9/_-]{1,128}$`)
)

func (f *fakeECS) runTask(w http.ResponseWriter, in map[string]any) {
	token, _ := in["clientToken"].(string)
	startedBy, _ := in["startedBy"].(string)
	definition, _ := in["taskDefinition"].(string)
	switch {
	case !tokenForm.MatchString(token), !startedByForm.MatchString(startedBy):
		refuseWith(w, 400, "InvalidParameterException", "clientToken or startedBy")
		return
	case in["networkConfiguration"] == nil: // API_RunTask: required by awsvpc tasks
		refuseWith(w, 400, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
		return
	case f.inactive[definition]: // API_DeregisterTaskDefinition: an inactive one runs no new tasks
		refuseWith(w, 400, "ClientException", "TaskDefinition is inactive")
		return
	}
	// ECS_Idempotency: the same token and parameters return the original result,
	// other parameters a ConflictException with the tasks of the first request. A
	// token lives 24 hours, or an hour longer than its task.
	if before, used := f.tokens[token]; used && f.known(before.task) != nil {
		if !reflect.DeepEqual(before.parameters, in) {
			refuseWith(w, 400, "ConflictException", "the token is in use", before.task)
			return
		}
		answer(w, map[string]any{"tasks": []any{f.tasks[before.task]}, "failures": []any{}})
		return
	}
	task := &fakeTask{
		ARN:        fmt.Sprintf("arn:aws:ecs:sa-east-1:111111111111:task/%s/%032d", cluster, len(f.tasks)+1),
		Definition: definition, LastStatus: "PROVISIONING",
		CreatedAt:  float64(f.now().UnixMilli()) / 1000,
		Containers: []fakeContainer{{Name: "migrate"}},
	}
	f.tasks[task.ARN], f.tokens[token] = task, fakeRequest{parameters: in, task: task.ARN}
	if f.started != nil {
		f.started(task)
	}
	answer(w, map[string]any{"tasks": []any{task}, "failures": []any{}})
}

// known returns a task that ECS still knows: DescribeTasks shows a stopped task
// for at least an hour (API_DescribeTasks).
func (f *fakeECS) known(arn string) *fakeTask {
	task := f.tasks[arn]
	if task == nil || (!task.stoppedAt.IsZero() && f.now().Sub(task.stoppedAt) > time.Hour) {
		return nil
	}
	return task
}

func (f *fakeECS) describeTasks(w http.ResponseWriter, in map[string]any) {
	found, missing := []any{}, []any{}
	for _, arn := range in["tasks"].([]any) {
		if task := f.known(arn.(string)); task != nil {
			found = append(found, task)
		} else { // API_failures_messages
			missing = append(missing, map[string]any{"arn": arn, "reason": "MISSING"})
		}
	}
	answer(w, map[string]any{"tasks": found, "failures": missing})
}

// stopTask lets the task end by itself some time later: at first only its desired
// status changes (API_StopTask).
func (f *fakeECS) stopTask(w http.ResponseWriter, in map[string]any) {
	task := f.known(in["task"].(string))
	if task == nil {
		refuseWith(w, 400, "InvalidParameterException", "The referenced task was not found.")
		return
	}
	reason, _ := in["reason"].(string)
	require.LessOrEqual(f.t, len(reason), 1024) // API_StopTask, reason
	task.StopCode, task.Reason = "UserInitiated", reason
	answer(w, map[string]any{"task": task})
}

// throttle is how ECS refuses calls that come too fast (CommonErrors).
func throttle(w http.ResponseWriter) bool {
	refuseWith(w, 400, "ThrottlingException", "Rate exceeded")
	return true
}
