package awsfake

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

// MigrationCluster is the cluster that Migrations serves.
const MigrationCluster = "wallet-test"

// Migrations serves the parts of Amazon ECS's API that the function calls, over HTTP
// and to the SDK's real client. Each rule names where AWS states it.
type Migrations struct {
	t    *testing.T
	Lock sync.Mutex
	Now  func() time.Time
	// Tasks by ARN, and the requests by client token that made them.
	Tasks  map[string]*MigrationTask
	Tokens map[string]migrationRequest
	// Inactive are task definitions that were deregistered.
	Inactive map[string]bool
	// Started is called with each new task, so that a test can write its fate.
	Started func(*MigrationTask)
	// Late is how long a new task, or deployment, cannot be seen.
	Late time.Duration
	// OnStop writes what becomes of a task that was told to stop; at once, by default,
	// the runner ends with nothing half-done.
	OnStop func(*MigrationTask)
	// Target is the deployment's own revision, Sources what it says it replaces, and
	// Current what the service says it runs. Images are the service's, by revision.
	Target           string
	Sources, Current []string
	Images           map[string]string
	DeployedAt       time.Time
	// Refuse answers instead of the API while it returns true.
	Refuse func(operation string, w http.ResponseWriter) bool
	// After breaks the connection when the request was done, where it returns true.
	After func(operation string) bool
	Calls map[string]int
}

// MigrationTask is what DescribeTasks returns, with the JSON names of API_Task.
type MigrationTask struct {
	ARN        string               `json:"taskArn"`
	Definition string               `json:"taskDefinitionArn"`
	LastStatus string               `json:"lastStatus"`
	StopCode   string               `json:"stopCode,omitempty"`
	Reason     string               `json:"stoppedReason,omitempty"`
	CreatedAt  float64              `json:"createdAt"`
	StartedAt  *float64             `json:"startedAt,omitempty"`
	Containers []MigrationContainer `json:"containers"`

	Command   []any
	MadeAt    time.Time
	StoppedAt time.Time
}

// MigrationContainer is a task's one container.
type MigrationContainer struct {
	Name     string `json:"name"`
	ExitCode *int   `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

type migrationRequest struct {
	parameters map[string]any
	task       string
}

// The deployment, its service, the two revisions, and where their images are.
const (
	Deployment = "arn:aws:ecs:sa-east-1:111111111111:service-deployment/wallet-test/wallet-service/EZe5RNVLH6PPzHXINuP28"
	ServiceARN = "arn:aws:ecs:sa-east-1:111111111111:service/wallet-test/wallet-service"
	Blue       = "arn:aws:ecs:sa-east-1:111111111111:service-revision/wallet-test/wallet-service/1"
	Green      = "arn:aws:ecs:sa-east-1:111111111111:service-revision/wallet-test/wallet-service/2"
	Registry   = "111111111111.dkr.ecr.sa-east-1.amazonaws.com/wallet-test/service:"
)

// NewMigrations starts the fake, in the middle of a deployment of green over blue, and
// returns a client of it.
func NewMigrations(t *testing.T, now func() time.Time) (*Migrations, *ecs.Client) {
	f := &Migrations{
		t: t, Now: now, Tasks: map[string]*MigrationTask{}, Tokens: map[string]migrationRequest{},
		Inactive: map[string]bool{}, Calls: map[string]int{},
		Target: Green, Sources: []string{Blue}, Current: []string{Blue, Green}, DeployedAt: now(),
		Images: map[string]string{Blue: Registry + "1.4.0", Green: Registry + "1.5.0"},
	}
	f.OnStop = func(task *MigrationTask) { f.Exit(task, 7) }
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client := ecs.New(ecs.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
	return f, client
}

// Start runs the task's container.
func (f *Migrations) Start(task *MigrationTask) {
	task.LastStatus, task.StartedAt = "RUNNING", new(float64(f.Now().Unix()))
}

// Exit ends the task's container, and with it the task.
func (f *Migrations) Exit(task *MigrationTask, status int) {
	f.Start(task)
	task.LastStatus, task.StopCode, task.Reason = "STOPPED", "EssentialContainerExited", "Essential container in task exited"
	task.Containers[0].ExitCode, task.StoppedAt = new(status), f.Now()
}

// ServeHTTP answers one call.
func (f *Migrations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.Lock.Lock()
	defer f.Lock.Unlock()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.")
	f.Calls[operation]++
	if f.Refuse != nil && f.Refuse(operation, w) {
		return
	}
	if f.After != nil && f.After(operation) {
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
	assert.Equal(f.t, MigrationCluster, in["cluster"], "without a cluster ECS takes the one named default")
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
		RefuseWith(w, 400, "UnknownOperationException", operation)
	}
}

// Answer writes a value as the service does.
func Answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(value)
}

// RefuseWith writes an error of a kind, with the resources that it names.
func RefuseWith(w http.ResponseWriter, status int, kind, message string, more ...string) {
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

func (f *Migrations) runTask(w http.ResponseWriter, in map[string]any) {
	token, _ := in["clientToken"].(string)
	startedBy, _ := in["startedBy"].(string)
	definition, _ := in["taskDefinition"].(string)
	switch {
	case !tokenForm.MatchString(token), !startedByForm.MatchString(startedBy):
		RefuseWith(w, 400, "InvalidParameterException", "clientToken or startedBy")
		return
	case in["networkConfiguration"] == nil: // API_RunTask: required by awsvpc tasks
		RefuseWith(w, 400, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
		return
	case f.Inactive[definition]: // API_DeregisterTaskDefinition: an inactive one runs no new tasks
		RefuseWith(w, 400, "ClientException", "TaskDefinition is inactive")
		return
	}
	// ECS_Idempotency: the same token and parameters return the original result,
	// other parameters a ConflictException with the tasks of the first request. A
	// token lives 24 hours, or an hour longer than its task.
	if before, used := f.Tokens[token]; used {
		if !reflect.DeepEqual(before.parameters, in) {
			RefuseWith(w, 400, "ConflictException", "the token is in use", before.task)
			return
		}
		Answer(w, map[string]any{"tasks": []any{f.Tasks[before.task]}, "failures": []any{}})
		return
	}
	override := in["overrides"].(map[string]any)["containerOverrides"].([]any)[0].(map[string]any)
	assert.Equal(f.t, "migrate", override["name"])
	task := &MigrationTask{
		Command: override["command"].([]any), MadeAt: f.Now(),
		ARN:        fmt.Sprintf("arn:aws:ecs:sa-east-1:111111111111:task/%s/%032d", MigrationCluster, len(f.Tasks)+1),
		Definition: definition, LastStatus: "PROVISIONING",
		CreatedAt:  float64(f.Now().UnixMilli()) / 1000,
		Containers: []MigrationContainer{{Name: "migrate"}},
	}
	f.Tasks[task.ARN], f.Tokens[token] = task, migrationRequest{parameters: in, task: task.ARN}
	if f.Started != nil {
		f.Started(task)
	}
	Answer(w, map[string]any{"tasks": []any{task}, "failures": []any{}})
}

// known returns a task that ECS knows: not at once (API_RunTask: the API is eventually
// consistent, and DescribeTasks is to be repeated), and a stopped one for at least an
// hour (API_DescribeTasks).
func (f *Migrations) known(arn string) *MigrationTask {
	task := f.Tasks[arn]
	if task == nil || f.Now().Sub(task.MadeAt) < f.Late || (!task.StoppedAt.IsZero() && f.Now().Sub(task.StoppedAt) > time.Hour) {
		return nil
	}
	return task
}

func (f *Migrations) describeTasks(w http.ResponseWriter, in map[string]any) {
	found, missing := []any{}, []any{}
	for _, arn := range in["tasks"].([]any) {
		if task := f.known(arn.(string)); task != nil {
			found = append(found, task)
		} else { // API_failures_messages
			missing = append(missing, map[string]any{"arn": arn, "reason": "MISSING"})
		}
	}
	Answer(w, map[string]any{"tasks": found, "failures": missing})
}

// stopTask lets the task end by itself some time later: at first only its desired
// status changes (API_StopTask).
func (f *Migrations) stopTask(w http.ResponseWriter, in map[string]any) {
	task := f.known(in["task"].(string))
	if task == nil {
		RefuseWith(w, 400, "InvalidParameterException", "The referenced task was not found.")
		return
	}
	reason, _ := in["reason"].(string)
	require.LessOrEqual(f.t, len(reason), 1024) // API_StopTask, reason
	f.OnStop(task)
	task.StopCode, task.Reason = "UserInitiated", reason
	Answer(w, map[string]any{"task": task})
}

// describeDeployment answers with the deployment, once it can be seen.
func (f *Migrations) describeDeployment(w http.ResponseWriter, in map[string]any) {
	if in["serviceDeploymentArns"].([]any)[0] == ServiceARN {
		RefuseWith(w, 400, "InvalidParameterException", "Invalid service deployment ARN")
		return
	}
	if f.Now().Sub(f.DeployedAt) < f.Late {
		Answer(w, map[string]any{"serviceDeployments": []any{}, "failures": []any{map[string]any{"arn": Deployment, "reason": "MISSING"}}})
		return
	}
	found := map[string]any{"serviceDeploymentArn": Deployment, "serviceArn": ServiceARN, "targetServiceRevision": map[string]any{"arn": f.Target}}
	var sources []any
	for _, arn := range f.Sources {
		sources = append(sources, map[string]any{"arn": arn})
	}
	found["sourceServiceRevisions"] = sources
	Answer(w, map[string]any{"serviceDeployments": []any{found}})
}

func (f *Migrations) describeService(w http.ResponseWriter, in map[string]any) {
	assert.Equal(f.t, []any{ServiceARN}, in["services"])
	if f.Current == nil {
		Answer(w, map[string]any{"services": []any{}, "failures": []any{map[string]any{"arn": ServiceARN, "reason": "MISSING"}}})
		return
	}
	var current []any
	for _, arn := range f.Current {
		current = append(current, map[string]any{"arn": arn})
	}
	Answer(w, map[string]any{"services": []any{map[string]any{"serviceArn": ServiceARN, "currentServiceRevisions": current}}})
}

func (f *Migrations) describeRevisions(w http.ResponseWriter, in map[string]any) {
	arns := in["serviceRevisionArns"].([]any)
	assert.LessOrEqual(f.t, len(arns), 20, "API_DescribeServiceRevisions")
	var found, missing []any
	for _, arn := range arns {
		if image := f.Images[arn.(string)]; image != "" {
			found = append(found, map[string]any{"serviceRevisionArn": arn, "containerImages": []any{
				map[string]any{"containerName": "collector", "image": "public.ecr.aws/collector:v0.49.0"},
				map[string]any{"containerName": "wallet-service", "image": image},
			}})
		} else {
			missing = append(missing, map[string]any{"arn": arn, "reason": "MISSING"})
		}
	}
	Answer(w, map[string]any{"serviceRevisions": found, "failures": missing})
}

// Throttle is how ECS refuses calls that come too fast (CommonErrors).
func Throttle(w http.ResponseWriter) bool {
	RefuseWith(w, 400, "ThrottlingException", "Rate exceeded")
	return true
}
