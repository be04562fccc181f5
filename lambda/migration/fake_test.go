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
	// late is how long a new task, or deployment, cannot be seen.
	late time.Duration
	// onStop writes what becomes of a task that was told to stop; at once, by default,
	// the runner ends with nothing half-done.
	onStop func(*fakeTask)
	// target is the deployment's own revision, sources what it says it replaces, and
	// current what the service says it runs. images are the service's, by revision.
	target           string
	sources, current []string
	images           map[string]string
	deployedAt       time.Time
	// refuse answers instead of the API while it returns true.
	refuse func(operation string, w http.ResponseWriter) bool
	// after breaks the connection when the request was done, where it returns true.
	after func(operation string) bool
	calls map[string]int
}

// fakeTask is what DescribeTasks returns, with the JSON names of API_Task.
type fakeTask struct {
	ARN        string          `json:"taskArn"`
	Definition string          `json:"taskDefinitionArn"`
	LastStatus string          `json:"lastStatus"`
	StopCode   string          `json:"stopCode,omitempty"`
	Reason     string          `json:"stoppedReason,omitempty"`
	CreatedAt  float64         `json:"createdAt"`
	StartedAt  *float64        `json:"startedAt,omitempty"`
	Containers []fakeContainer `json:"containers"`

	command   []any
	madeAt    time.Time
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

const (
	deployment = "arn:aws:ecs:sa-east-1:111111111111:service-deployment/wallet-test/wallet-service/EZe5RNVLH6PPzHXINuP28"
	service    = "arn:aws:ecs:sa-east-1:111111111111:service/wallet-test/wallet-service"
	blue       = "arn:aws:ecs:sa-east-1:111111111111:service-revision/wallet-test/wallet-service/1"
	green      = "arn:aws:ecs:sa-east-1:111111111111:service-revision/wallet-test/wallet-service/2"
	registry   = "111111111111.dkr.ecr.sa-east-1.amazonaws.com/wallet-test/service:"
)

func newFakeECS(t *testing.T, now func() time.Time) (*fakeECS, *ecs.Client) {
	f := &fakeECS{
		t: t, now: now, tasks: map[string]*fakeTask{}, tokens: map[string]fakeRequest{},
		inactive: map[string]bool{}, calls: map[string]int{},
		target: green, sources: []string{blue}, current: []string{blue, green}, deployedAt: now(),
		images: map[string]string{blue: registry + "1.4.0", green: registry + "1.5.0"},
	}
	f.onStop = func(task *fakeTask) { f.exit(task, 7) }
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client := ecs.New(ecs.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
	return f, client
}

// start runs the task's container.
func (f *fakeECS) start(task *fakeTask) {
	task.LastStatus, task.StartedAt = "RUNNING", new(float64(f.now().Unix()))
}

// exit ends the task's container, and with it the task.
func (f *fakeECS) exit(task *fakeTask, status int) {
	f.start(task)
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
	if f.after != nil && f.after(operation) {
		defer panic(http.ErrAbortHandler)
		w = httptest.NewRecorder()
	}
	var in map[string]any
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&in))
	switch operation {
	case "DescribeServiceDeployments":
		f.describeDeployment(w, in)
		return
	case "DescribeServiceRevisions":
		f.describeRevisions(w, in)
		return
	}
	assert.Equal(f.t, cluster, in["cluster"], "without a cluster ECS takes the one named default")
	switch operation {
	case "DescribeServices":
		f.describeService(w, in)
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
	if before, used := f.tokens[token]; used {
		if !reflect.DeepEqual(before.parameters, in) {
			refuseWith(w, 400, "ConflictException", "the token is in use", before.task)
			return
		}
		answer(w, map[string]any{"tasks": []any{f.tasks[before.task]}, "failures": []any{}})
		return
	}
	override := in["overrides"].(map[string]any)["containerOverrides"].([]any)[0].(map[string]any)
	assert.Equal(f.t, "migrate", override["name"])
	task := &fakeTask{
		command: override["command"].([]any), madeAt: f.now(),
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

// known returns a task that ECS knows: not at once (API_RunTask: the API is eventually
// consistent, and DescribeTasks is to be repeated), and a stopped one for at least an
// hour (API_DescribeTasks).
func (f *fakeECS) known(arn string) *fakeTask {
	task := f.tasks[arn]
	if task == nil || f.now().Sub(task.madeAt) < f.late || (!task.stoppedAt.IsZero() && f.now().Sub(task.stoppedAt) > time.Hour) {
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
	f.onStop(task)
	task.StopCode, task.Reason = "UserInitiated", reason
	answer(w, map[string]any{"task": task})
}

// describeDeployment answers with the deployment, once it can be seen.
func (f *fakeECS) describeDeployment(w http.ResponseWriter, in map[string]any) {
	if in["serviceDeploymentArns"].([]any)[0] == service {
		refuseWith(w, 400, "InvalidParameterException", "Invalid service deployment ARN")
		return
	}
	if f.now().Sub(f.deployedAt) < f.late {
		answer(w, map[string]any{"serviceDeployments": []any{}, "failures": []any{map[string]any{"arn": deployment, "reason": "MISSING"}}})
		return
	}
	found := map[string]any{"serviceDeploymentArn": deployment, "serviceArn": service, "targetServiceRevision": map[string]any{"arn": f.target}}
	var sources []any
	for _, arn := range f.sources {
		sources = append(sources, map[string]any{"arn": arn})
	}
	found["sourceServiceRevisions"] = sources
	answer(w, map[string]any{"serviceDeployments": []any{found}})
}

func (f *fakeECS) describeService(w http.ResponseWriter, in map[string]any) {
	assert.Equal(f.t, []any{service}, in["services"])
	if f.current == nil {
		answer(w, map[string]any{"services": []any{}, "failures": []any{map[string]any{"arn": service, "reason": "MISSING"}}})
		return
	}
	var current []any
	for _, arn := range f.current {
		current = append(current, map[string]any{"arn": arn})
	}
	answer(w, map[string]any{"services": []any{map[string]any{"serviceArn": service, "currentServiceRevisions": current}}})
}

func (f *fakeECS) describeRevisions(w http.ResponseWriter, in map[string]any) {
	arns := in["serviceRevisionArns"].([]any)
	assert.LessOrEqual(f.t, len(arns), 20, "API_DescribeServiceRevisions")
	var found, missing []any
	for _, arn := range arns {
		if image := f.images[arn.(string)]; image != "" {
			found = append(found, map[string]any{"serviceRevisionArn": arn, "containerImages": []any{
				map[string]any{"containerName": "collector", "image": "public.ecr.aws/collector:v0.49.0"},
				map[string]any{"containerName": "wallet-service", "image": image},
			}})
		} else {
			missing = append(missing, map[string]any{"arn": arn, "reason": "MISSING"})
		}
	}
	answer(w, map[string]any{"serviceRevisions": found, "failures": missing})
}

// throttle is how ECS refuses calls that come too fast (CommonErrors).
func throttle(w http.ResponseWriter) bool {
	refuseWith(w, 400, "ThrottlingException", "Rate exceeded")
	return true
}
