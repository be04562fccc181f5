// Package procedures runs each command that changes an environment from its first question
// to its last, against a fake of AWS, which answers in the protocols of its services, and of
// the CDK CLI: the tests of internal/deploy, preflight, rollback, destroy, migrate, cdk,
// images, rollout and status that need more than one package.
package procedures

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/account"
	"wallet-infra/internal/cdk"
	"wallet-infra/internal/console"
	"wallet-infra/internal/deploy"
	"wallet-infra/internal/destroy"
	"wallet-infra/internal/migrate"
	"wallet-infra/internal/password"
	"wallet-infra/internal/restore"
	"wallet-infra/internal/rollback"
	"wallet-infra/internal/status"
)

// stackState is a stack of the world.
type stackState struct {
	status, reason, template string
	guarded                  bool
	updated                  time.Time
	outputs                  map[string]string
	resources                []resourceState
	sets                     map[string]*setState // by ARN and by name
}

type resourceState struct{ kind, id, physical, status string }

type setState struct {
	arn, status, reason, execution, template string
	changes                                  []string
	replaces                                 bool
}

type deploymentState struct{ tag, status string }

// world is a fake of AWS and of the CDK CLI, as far as the delivery commands
// see them. It answers in the protocols that AWS's services speak.
type world struct {
	*httptest.Server
	t     *testing.T
	mutex sync.Mutex

	account     string
	bootstrap   map[string]string // version by region
	stacks      map[string]*stackState
	images      map[string]string // architecture by region/repository:tag
	collectors  map[string]bool   // region/repository@digest
	replication array             // ECR's rules, as the API shows them
	grafana     array             // the versions that AWS offers
	spans       string            // where X-Ray keeps them; empty is its own store
	index       bool              // images are indexes of several architectures
	weights     map[string]int
	healthy     map[string]int // targets by target group
	desired     int
	deployments []deploymentState // newest first
	quota       float64
	outage      bool
	members     []string          // of the database cluster
	engines     map[string]string // of the database cluster, by region
	forced      bool              // ECS was asked for a deployment of what runs
	task        taskState

	errors  map[string]string // code by "service Operation" or "service Operation region"
	calls   []string          // "service Operation"
	assumed []string          // ARNs of roles
	cdk     [][]string
	// onCDK acts for the CLI and returns its exit status; before the usual effects.
	onCDK   func(arguments []string) int
	hang    chan struct{} // a deployment that never ends; closed when the CLI is there
	standby bool          // the synthesis has the second region's service
	// process plays the CLI in a process of its own, as it runs in truth; what
	// needs none goes without, since a process takes its time.
	process  bool
	secret   string            // the status of the secret's copy
	objects  map[string]stored // of the bootstrap's bucket, by key
	versions int
	code     string            // the hash of the one function's code
	digests  map[string]string // of images, by repository; another one than of the tag's first push
	running  string            // the digest that ECS runs; empty for the right one
	// rollout plays ECS's own deployment while CloudFormation waits for it.
	rollout *rolloutState
	// replaces are the stacks in which the next change replaces something.
	replaces map[string]bool
	dir      string        // the checkout; empty takes a new one for each run
	age      time.Duration // of ECS's newest deployment
	asCaller bool
	silent   bool              // ECS makes no deployment of what is created
	deaf     bool              // a removal ends well, and removes nothing
	regions  map[string]string // of stacks that stand elsewhere, by name
	verdict  object            // what Access Analyzer answers
	compared []map[string]any  // what it was asked
}

// rolloutState is a deployment of the service that somebody may watch.
type rolloutState struct {
	tasks   []object // stopped tasks of the service, as ECS describes them
	breaker int      // failures that ECS's circuit breaker counted
	late    int      // answers in which ECS does not show the deployment yet
	looks   int      // answers until it ends by itself
	end     string   // its status then
	exit    int      // of the CLI, then
	refuses string   // the code with which ECS refuses to stop it
	rollout string   // the service's rolloutState
	begins  string   // its status at first; empty for IN_PROGRESS
	ended   chan struct{}
	once    sync.Once
}

// finish ends the deployment, and with it CloudFormation's update.
func (w *world) finish(status string, code int) {
	w.rollout.once.Do(func() {
		w.deployments[0].status, w.rollout.exit = status, code
		close(w.rollout.ended)
	})
}

type taskState struct {
	polls   int // until it has stopped
	exit    int
	never   bool
	command []string
	image   string
	network object
	// environment is that of a task definition that was registered.
	environment array
	log         []string
}

const stamp = "2026-11-20T10:00:00Z"

// newest is when ECS's newest deployment began.
var newest = time.Unix(1_790_000_000, 0)

// ofStaging is the account in which staging is deployed.
var ofStaging = config.Staging().Site.Account

// newWorld is an account in which staging runs release 1.0.0 and nothing is wrong.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, account: ofStaging,
		bootstrap:   map[string]string{"sa-east-1": "30", "us-east-1": "30"},
		stacks:      map[string]*stackState{},
		images:      map[string]string{},
		collectors:  map[string]bool{"sa-east-1/" + stagingCollector: true},
		weights:     map[string]int{"arn:blue": 100, "arn:green": 0},
		healthy:     map[string]int{"arn:blue": 2},
		desired:     2,
		quota:       100,
		deployments: []deploymentState{{"1.0.0", "SUCCESSFUL"}, {"0.9.0", "SUCCESSFUL"}},
		errors:      map[string]string{},
		objects:     map[string]stored{},
		secret:      "InSync",
		digests:     map[string]string{},
		task:        taskState{polls: 1, log: []string{"schema is at version 7"}},
	}
	for _, tag := range []string{"0.9.0", "1.0.0", "1.1.0"} {
		for _, repository := range []string{"service", "migrations"} {
			w.images["sa-east-1/wallet-staging/"+repository+":"+tag] = "amd64"
		}
	}
	w.upload()
	w.runCode(functionKey)
	for name, template := range templates("1.0.0", false) {
		w.stacks["wallet-staging-"+name] = w.standing(name, template)
	}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	t.Setenv("AWS_ENDPOINT_URL", w.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-must-not-be-printed")
	t.Setenv("AWS_SESSION_TOKEN", "a-token-that-must-not-be-printed")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	return w
}

// stagingCollector is the image of the telemetry collector, without its region.
var stagingCollector = "wallet-staging/collector@" + config.Staging().Service.CollectorDigest()

// regionOf places the stacks of the world.
func (w *world) regionOf(name string) string {
	if region, placed := w.regions[name]; placed {
		return region
	}
	if strings.HasSuffix(name, "-global") || strings.Contains(name, "-dr-") {
		return "us-east-1"
	}
	return "sa-east-1"
}

// templates are the environment's, as small as the commands allow; a standby adds
// its service.
func templates(tag string, standby bool) map[string]string {
	all := map[string]string{
		"registry": `{"Resources": {"Repository": {"Type": "AWS::ECR::Repository", "DeletionPolicy": "Retain"}}}`,
		"global": `{"Resources": {"Assets": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}, "Reader": {"Type": "AWS::IAM::Role", "Properties": {
			"AssumeRolePolicyDocument": {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}},
			"Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${Assets.Arn}/*"}}}}]}}}}`,
		"network": `{"Resources": {"Vpc": {"Type": "AWS::EC2::VPC"}}, "Outputs": {"VpcId": {"Value": {"Ref": "Vpc"}}}}`,
		"data": `{"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Bucket": "assets", "S3Key": "` + functionKey + `"}}}, "Cluster": {"Type": "AWS::RDS::DBCluster", "DeletionPolicy": "Snapshot", "Properties": {"DeletionProtection": false,
			"V": {"Fn::GetStackOutput": {"StackName": "wallet-staging-network", "Region": "sa-east-1", "OutputName": "VpcId"}}}}}}`,
		"messaging": `{"Resources": {"Password": {"Type": "AWS::SecretsManager::Secret", "DeletionPolicy": "Retain", "Properties": {"ReplicaRegions": [{"Region": "us-east-1"}]}},
			"Kafka": {"Type": "AWS::MSK::Cluster", "DeletionPolicy": "RetainExceptOnCreate"}}}`,
		"compute": `{"Resources": {
			"Service": {"Type": "AWS::ECS::Service"},
			"Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [{"Name": "wallet-service", "Image": {"Fn::Join": ["", ["registry/wallet-staging/service", ":` + tag + `"]]}}]}},
			"Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]}},
			"Rule": {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {"Priority": 1, "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [
				{"TargetGroupArn": {"Ref": "Blue"}, "Weight": 100}, {"TargetGroupArn": {"Ref": "Green"}, "Weight": 0}]}}]}}},
			"Outputs": {"ProductionRuleArn": {"Value": {"Ref": "Rule"}}, "BlueTargetGroupArn": {"Value": {"Ref": "Blue"}}, "GreenTargetGroupArn": {"Value": {"Ref": "Green"}},
				"PublishOutputRefService": {"Value": "x"}}}`,
		"observability": `{"Resources": {"Board": {"Type": "AWS::CloudWatch::Dashboard"}}}`,
	}
	if standby {
		all["dr-compute"], all["dr-registry"] = all["compute"], all["registry"]
	}
	return all
}

// change makes the deployed templates of some stacks others than the synthesis'.
func (w *world) change(names ...string) {
	for _, name := range names {
		stack := w.stacks["wallet-staging-"+name]
		stack.template = strings.Replace(stack.template, `{"Resources"`, `{"Description": "as it was", "Resources"`, 1)
	}
}

// needs are the stacks that a stack depends on.
var needs = map[string][]string{
	"data": {"network", "global"}, "messaging": {"network"}, "compute": {"data", "messaging", "registry"}, "observability": {"compute"},
}

// standing is a stack that was deployed well.
func (w *world) standing(name, template string) *stackState {
	stack := &stackState{status: "UPDATE_COMPLETE", template: template, outputs: map[string]string{}, sets: map[string]*setState{}}
	stack.updated, _ = time.Parse(time.RFC3339, stamp)
	var content struct {
		Resources map[string]struct{ Type string }
	}
	_ = json.Unmarshal([]byte(template), &content)
	for _, id := range slices.Sorted(maps.Keys(content.Resources)) {
		stack.resources = append(stack.resources, resourceState{content.Resources[id].Type, id, "physical-" + strings.ToLower(id), "CREATE_COMPLETE"})
	}
	switch name {
	case "network":
		stack.outputs["VpcId"] = "vpc-1"
	case "compute", "dr-compute":
		stack.outputs = map[string]string{
			config.OutputCluster: "wallet-staging", config.OutputService: "wallet-service", config.OutputProductionRule: "arn:rule",
			config.OutputBlueTargets: "arn:blue", config.OutputGreenTargets: "arn:green",
			config.OutputMigrationTask: "arn:task-definition/wallet-staging-migrate:7", config.OutputMigrationSubnets: "subnet-a,subnet-b",
			config.OutputMigrationSecurityGroup: "sg-1", "PublishOutputRefService": "not for people",
		}
	}
	return stack
}

// writeAssembly plays `cdk synth`.
func writeAssembly(dir, tag string, standby bool) {
	artifacts := map[string]any{}
	inner := filepath.Join(dir, "assembly-Staging")
	_ = os.MkdirAll(inner, 0o700)
	for name, template := range templates(tag, standby) {
		title := strings.ToUpper(name[:1]) + name[1:]
		_ = os.WriteFile(filepath.Join(inner, title+".json"), []byte(template), 0o600)
		var before []string
		for _, other := range needs[name] {
			before = append(before, strings.ToUpper(other[:1])+other[1:])
		}
		if name == "data" {
			before = append(before, "Data.assets")
			artifacts["Data.assets"] = map[string]any{"type": "cdk:asset-manifest", "properties": map[string]any{"file": "Data.assets.json"}}
		}
		artifacts[title] = map[string]any{
			"type": "aws:cloudformation:stack", "environment": "aws://" + ofStaging + "/" + (&world{}).regionOf("wallet-staging-"+name),
			"displayName": "Staging/" + title + " (wallet-staging-" + name + ")", "dependencies": before,
			"properties": map[string]any{"templateFile": title + ".json", "stackName": "wallet-staging-" + name,
				"requiresBootstrapStackVersion": 6, "lookupRole": map[string]int{"requiresBootstrapStackVersion": 8}, "tags": map[string]string{"Environment": "staging"}},
		}
	}
	// An app synthesizes other environments too, in the same account perhaps.
	_ = os.WriteFile(filepath.Join(inner, "Other.json"), []byte(`{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`), 0o600)
	artifacts["Other"] = map[string]any{
		"type": "aws:cloudformation:stack", "environment": "aws://" + ofStaging + "/sa-east-1", "displayName": "Other/Network (wallet-other-network)",
		"properties": map[string]any{"templateFile": "Other.json", "stackName": "wallet-other-network", "tags": map[string]string{"Environment": "other"}},
	}
	writeAssets(dir)
	stage, _ := json.Marshal(map[string]any{"artifacts": artifacts})
	_ = os.WriteFile(filepath.Join(inner, "manifest.json"), stage, 0o600)
	_ = os.WriteFile(filepath.Join(dir, "manifest.json"),
		[]byte(`{"artifacts": {"assembly-Staging": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Staging"}}}}`), 0o600)
}

// option is the value of a command line option, in either form.
func option(arguments []string, name string) string {
	for i, argument := range arguments {
		if value, found := strings.CutPrefix(argument, name+"="); found {
			return value
		}
		if argument == name && i+1 < len(arguments) {
			return arguments[i+1]
		}
	}
	return ""
}

// playCDK has the effects of the CLI's commands.
func (w *world) playCDK(arguments []string) int {
	w.cdk = append(w.cdk, arguments)
	if w.onCDK != nil {
		if status := w.onCDK(arguments); status != 0 {
			return status
		}
	}
	switch arguments[0] {
	case "synth":
		tag := "1.0.0"
		for _, argument := range arguments {
			if value, found := strings.CutPrefix(argument, "imageTag="); found {
				tag = value
			}
		}
		writeAssembly(option(arguments, "--output"), tag, w.standby)
	case "deploy":
		return w.playDeploy(arguments)
	case "destroy":
		if w.deaf {
			break
		}
		delete(w.stacks, "wallet-staging-"+strings.ToLower(strings.TrimPrefix(arguments[1], "Staging/")))
	}
	return 0
}

func (w *world) playDeploy(arguments []string) int {
	name := strings.ToLower(strings.TrimPrefix(arguments[1], "Staging/"))
	template, _ := os.ReadFile(filepath.Join(option(arguments, "--app"), "assembly-Staging", strings.TrimPrefix(arguments[1], "Staging/")+".json"))
	stack := w.stacks["wallet-staging-"+name]
	set := option(arguments, "--change-set-name")
	if name == "data" && option(arguments, "--method") != "execute-change-set" {
		w.upload()
	}
	if stack == nil && option(arguments, "--method") == "prepare-change-set" {
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html:
		// a change set of the type CREATE makes the stack, in REVIEW_IN_PROGRESS.
		stack = &stackState{status: "REVIEW_IN_PROGRESS", outputs: map[string]string{}, sets: map[string]*setState{}}
		stack.updated, _ = time.Parse(time.RFC3339, stamp)
		w.stacks["wallet-staging-"+name] = stack
	}
	// checkAndExecuteChangeSet of the pinned CLI: in both cases it asks, and ends where
	// nobody answers.
	if stack != nil && (stack.status == "CREATE_FAILED" || stack.status == "UPDATE_FAILED") &&
		(w.replaces[name] || !slices.Contains(arguments, "--no-rollback")) {
		stack.sets["cdk-deploy-change-set"] = &setState{arn: "arn:set/cli", status: "CREATE_COMPLETE", changes: []string{"Kafka"}, replaces: w.replaces[name]}
		return 1
	}
	switch option(arguments, "--method") {
	case "prepare-change-set":
		made := &setState{arn: "arn:set/" + name + "/" + set, status: "CREATE_COMPLETE", execution: "AVAILABLE", template: string(template), changes: []string{"Task"}}
		if stack.template == string(template) {
			made.status, made.execution, made.reason = "FAILED", "UNAVAILABLE", "The submitted information didn't contain changes."
		}
		stack.sets[set], stack.sets[made.arn] = made, made
	case "execute-change-set":
		executed := stack.sets[set]
		executed.execution = "EXECUTE_COMPLETE"
		w.release(name, stack.template, executed.template)
		w.runCode(executed.template)
		outputs, updated, sets := stack.outputs, stack.updated, stack.sets
		fresh := w.standing(name, executed.template)
		if stack.status != "REVIEW_IN_PROGRESS" {
			fresh.outputs = outputs
		}
		fresh.updated, fresh.sets = updated.Add(time.Hour), sets
		w.stacks["wallet-staging-"+name] = fresh
	default:
		before := ""
		if stack != nil {
			before = stack.template
		}
		if !w.silent {
			w.release(name, before, string(template))
		}
		fresh := w.standing(name, string(template))
		if stack != nil {
			fresh.outputs = stack.outputs
		}
		w.stacks["wallet-staging-"+name] = fresh
	}
	return 0
}

// taskTag finds the service's tag in a template.
var taskTag = regexp.MustCompile(`":([0-9.]+)"`)

// release plays ECS, which deploys the service when its task definition changes.
func (w *world) release(name, before, after string) {
	was, is := taskTag.FindStringSubmatch(before), taskTag.FindStringSubmatch(after)
	if strings.HasSuffix(name, "compute") && w.rollout == nil && is != nil && (was == nil || was[1] != is[1]) {
		w.deployments = slices.Insert(w.deployments, 0, deploymentState{is[1], "SUCCESSFUL"})
	}
}

// deployed are the stacks that the CLI was told to deploy, in order.
func (w *world) deployed() []string {
	var found []string
	for _, arguments := range w.cdk {
		if arguments[0] == "deploy" || arguments[0] == "destroy" {
			found = append(found, strings.TrimPrefix(arguments[1], "Staging/"))
		}
	}
	return found
}

// arrange changes the world while another process asks it.
func (w *world) arrange(change func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	change()
}

// called says whether an operation was asked for.
func (w *world) called(call string) bool { return slices.Contains(w.calls, call) }

// serve answers one request of an SDK client, or of the played CLI.
func (w *world) serve(out http.ResponseWriter, in *http.Request) {
	switch in.URL.Path {
	case "/cdk":
		body, _ := io.ReadAll(in.Body)
		arguments := strings.Split(string(body), "\n")
		if status, err := w.command(in.Context(), arguments); err == nil {
			out.WriteHeader(400 + status)
		}
		return
	case "/blob":
		fmt.Fprintf(out, `{"architecture": %q}`, in.URL.Query().Get("architecture"))
		return
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	scope := strings.Split(in.Header.Get("Authorization"), "/")
	region, service := scope[2], scope[3]
	switch service {
	case "s3":
		w.serveObject(out, in)
		return
	case "lambda":
		w.serveFunction(out, in)
		return
	}
	request := ask{region: region, service: service, input: map[string]any{}}
	switch {
	case in.Header.Get("X-Amz-Target") != "":
		_, request.operation, _ = strings.Cut(in.Header.Get("X-Amz-Target"), ".")
		_ = json.NewDecoder(in.Body).Decode(&request.input)
	case in.URL.Path == "/GetTraceSegmentDestination":
		request.operation = "GetTraceSegmentDestination"
	case in.URL.Path == "/versions":
		request.operation = "ListVersions"
	case in.URL.Path == "/policy/check-no-new-access":
		request.operation = "CheckNoNewAccess"
		_ = json.NewDecoder(in.Body).Decode(&request.input)
		w.compared = append(w.compared, request.input)
	case in.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		request.operation = in.URL.Path[strings.LastIndex(in.URL.Path, "/")+1:]
	default:
		_ = in.ParseForm()
		request.operation = in.Form.Get("Action")
		for key := range in.Form {
			request.input[key] = in.Form.Get(key)
		}
	}
	call := service + " " + request.operation
	w.calls = append(w.calls, call)
	code := w.errors[call]
	if code == "" {
		code = w.errors[call+" "+region]
	}
	message := "as the test wants it"
	var answer any
	if code == "" {
		answer, code, message = w.answer(request)
	}
	write(out, in, request, answer, code, message)
}

// command plays one command of the CLI and returns its exit status, or an error
// when it was interrupted.
func (w *world) command(ctx context.Context, arguments []string) (int, error) {
	w.mutex.Lock()
	if w.rollout != nil && arguments[0] == "deploy" && arguments[1] == "Staging/Compute" {
		w.cdk = append(w.cdk, arguments)
		w.deployments = slices.Insert(w.deployments, 0, deploymentState{"1.1.0", cmp.Or(w.rollout.begins, "IN_PROGRESS")})
		w.mutex.Unlock()
		select {
		case <-w.rollout.ended:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if w.rollout.exit == 0 {
			w.playDeploy(arguments)
		}
		return w.rollout.exit, nil
	}
	if w.hang == nil || arguments[0] != "deploy" {
		defer w.mutex.Unlock()
		return w.playCDK(arguments), nil
	}
	w.cdk = append(w.cdk, arguments)
	close(w.hang)
	w.mutex.Unlock()
	<-ctx.Done()
	return 0, ctx.Err()
}

// ask is one request.
type ask struct {
	region, service, operation string
	input                      map[string]any
}

func (a ask) text(name string) string { text, _ := a.input[name].(string); return text }

// write answers in the protocol of the question.
func write(out http.ResponseWriter, in *http.Request, request ask, answer any, code, message string) {
	status := http.StatusOK
	if code != "" {
		status = http.StatusBadRequest
	}
	switch {
	case in.Header.Get("X-Amz-Target") != "", in.URL.Path == "/versions", in.URL.Path == "/GetTraceSegmentDestination", in.URL.Path == "/policy/check-no-new-access":
		if code != "" {
			out.Header().Set("X-Amzn-ErrorType", code) // REST
		}
		out.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if code != "" {
			answer = map[string]string{"__type": code, "message": message}
		}
		out.WriteHeader(status)
		_ = json.NewEncoder(out).Encode(answer)
	case in.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		out.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		out.Header().Set("Content-Type", "application/cbor")
		if code != "" {
			answer = map[string]any{"__type": code, "message": message}
		}
		out.WriteHeader(status)
		_, _ = out.Write(cbor.Encode(toCBOR(answer)))
	default:
		out.Header().Set("Content-Type", "text/xml")
		out.WriteHeader(status)
		if code != "" {
			fmt.Fprintf(out, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
			return
		}
		fmt.Fprintf(out, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", request.operation, toXML(answer))
	}
}

func toCBOR(value any) cbor.Value {
	switch v := value.(type) {
	case map[string]any:
		out := cbor.Map{}
		for key, inner := range v {
			out[key] = toCBOR(inner)
		}
		return out
	case []any:
		out := cbor.List{}
		for _, inner := range v {
			out = append(out, toCBOR(inner))
		}
		return out
	}
	return cbor.String(fmt.Sprint(value))
}

func toXML(value any) string {
	var text strings.Builder
	switch v := value.(type) {
	case rawXML:
		return string(v)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text.WriteString("<" + key + ">" + toXML(v[key]) + "</" + key + ">")
		}
	case []any:
		for _, inner := range v {
			text.WriteString("<member>" + toXML(inner) + "</member>")
		}
	default:
		_ = xml.EscapeText(&text, []byte(fmt.Sprint(value)))
	}
	return text.String()
}

// run is one command in the world: what it printed and the error that it ended
// with.
func (w *world) run(input string, terminal bool, command func(context.Context, session) error) (string, error) {
	w.t.Helper()
	return w.runIn(context.Background(), config.Staging(), input, terminal, command)
}

// runIn runs with a clock of its own, on which a wait takes no time; a CLI in a process
// of its own needs the true one.
func (w *world) runIn(ctx context.Context, env config.Environment, input string, terminal bool, command func(context.Context, session) error) (out string, err error) {
	w.t.Helper()
	if w.process {
		return w.within(ctx, w.t, env, input, terminal, command)
	}
	synctest.Test(w.t, func(t *testing.T) {
		time.Sleep(time.Until(newest.Add(w.age)))
		if w.rollout != nil {
			w.rollout.ended = make(chan struct{})
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		out, err = w.within(ctx, t, env, input, terminal, command)
	})
	return out, err
}

func (w *world) within(ctx context.Context, t *testing.T, env config.Environment, input string, terminal bool, command func(context.Context, session) error) (string, error) {
	t.Helper()
	var out syncBuffer
	script, err := filepath.Abs("testdata/cdk.sh")
	require.NoError(t, err)
	to := console.Console{Out: &out, In: bufio.NewReader(strings.NewReader(input)), Terminal: terminal}
	dir := w.dir
	if dir == "" {
		dir = w.t.TempDir()
	}
	opened := account.New(env, aws.Config{
		Region: env.Primary.Name, HTTPClient: w, BaseEndpoint: &w.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "a-secret-that-must-not-be-printed", "a-token-that-must-not-be-printed"),
	}, w.asCaller)
	cli := cdk.New(script, dir, &out)
	if !w.process {
		cli.Run = func(ctx context.Context, arguments ...string) error {
			status, err := w.command(ctx, arguments)
			if err == nil && status != 0 {
				err = fmt.Errorf("cdk %s: exit status %d", arguments[0], status)
			}
			return err
		}
	}
	err = command(ctx, session{cdk.Session{Env: env, Account: opened, Console: to, CDK: cli}})
	return out.String(), err
}

// Do answers a request of an SDK client without a connection: on a clock of its own a
// test cannot wait for the network.
func (w *world) Do(request *http.Request) (*http.Response, error) {
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	if request.Body == nil {
		request.Body = http.NoBody
	}
	w.serve(recorder, request)
	return recorder.Result(), nil
}

// syncBuffer takes the output of a command and of its children.
type syncBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// session is what a person's command begins with.
type session struct{ cdk.Session }

func (s session) deployment() deploy.Deployment { return deploy.Deployment(s) }

func (s session) Deploy(ctx context.Context, options deploy.Options) error {
	return s.deployment().Run(ctx, options)
}

func (s session) Prepare(ctx context.Context, name string, options deploy.Options) error {
	return s.deployment().Prepare(ctx, name, options)
}

func (s session) Execute(ctx context.Context, path string, options deploy.Options) error {
	return s.deployment().Execute(ctx, path, options)
}

func (s session) Rollback(ctx context.Context, options rollback.Options) error {
	return rollback.Run(ctx, s.Session, options)
}

func (s session) Destroy(ctx context.Context, options destroy.Options) error {
	return destroy.Removal(s).Run(ctx, options)
}

func (s session) Migrate(ctx context.Context, options migrate.Options) error {
	return migrate.Run(ctx, s.Session, options)
}

func (s session) ReplacePassword(ctx context.Context, options password.Options) error {
	return password.Replace(ctx, s.Session, options)
}

func (s session) Restore(ctx context.Context, options restore.Options) error {
	return restore.Run(ctx, s.Session, options)
}

func (s session) Status(ctx context.Context) error {
	report, err := status.Read(ctx, s.Env, s.Account, s.Console)
	if err != nil {
		return err
	}
	return report.Print(s.Console.Out)
}
