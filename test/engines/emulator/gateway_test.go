package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines/emulator/ministack"
)

// gateway stands between an environment's commands and MiniStack. It takes out of
// each template what MiniStack lacks, and imitates the few calls that it lacks: what a
// command sends is what it would send to AWS. All that it does is noted.
type gateway struct {
	server ministack.Server
	env    config.Environment
	url    string
	zone   string // the ID of MiniStack's hosted zone

	stacks  map[string]cfn.Stack // of the assembly, by name
	lacking map[string]bool      // types
	// before is told of each call about a stack before MiniStack gets it.
	before func(action string, stack cfn.Stack)

	mutex    sync.Mutex
	noted    map[string]bool      // what was imitated
	made     map[string][]byte    // templates as they were sent, by stack and change set
	standing map[string][]byte    // those that were executed, by stack
	rollouts map[string][]rollout // by region
}

// newGateway opens a gateway to the emulator for an environment's stacks.
func newGateway(t *testing.T, server ministack.Server, env config.Environment, stacks []cfn.Stack) *gateway {
	t.Helper()
	g := &gateway{server: server, env: env, stacks: map[string]cfn.Stack{}, noted: map[string]bool{},
		made: map[string][]byte{}, standing: map[string][]byte{}, rollouts: map[string][]rollout{}}
	for _, stack := range stacks {
		g.stacks[stack.Name] = stack
	}
	var err error
	g.lacking, err = g.lacks(t.Context(), stacks)
	require.NoError(t, err)
	g.zone = g.makeZone(t)
	behind, err := url.Parse(server.Endpoint)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind); r.Out.Host = r.In.Host },
		ModifyResponse: func(response *http.Response) error {
			if change, _ := response.Request.Context().Value(edited{}).(edit); change != nil && response.StatusCode == http.StatusOK {
				return rewrite(response, change)
			}
			return nil
		},
		// The emulator closes a connection at rest when it likes, also under a request.
		Transport: &http.Transport{DisableKeepAlives: true},
		ErrorLog:  log.New(io.Discard, "", 0), // an interrupted command hangs up
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(proxy, w, r) }))
	t.Cleanup(front.Close)
	g.url = front.URL
	return g
}

func (g *gateway) note(format string, values ...any) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.noted[fmt.Sprintf(format, values...)] = true
}

// edit changes the body of an answer; edited is its key in a request's context.
type (
	edit   func(body []byte) []byte
	edited struct{}
)

func rewrite(response *http.Response, change edit) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	body = change(body)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// scope finds region and service in a signed request.
var scope = regexp.MustCompile(`Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request`)

// serve answers a call, or passes it on.
func (g *gateway) serve(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	signed := scope.FindStringSubmatch(r.Header.Get("Authorization"))
	if signed == nil || signed[2] == "s3" {
		proxy.ServeHTTP(w, r)
		return
	}
	region, service := signed[1], signed[2]
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it hung up
	}
	form, _ := url.ParseQuery(string(body))
	action := form.Get("Action")
	if _, target, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		action = target
	} else if action == "" {
		action = r.Method + " " + r.URL.Path
	}
	if answer, ok := g.imitate(r.Context(), service, region, action, body); ok {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer)
		return
	}
	change, err := g.meant(r.Context(), service, action, form)
	if err != nil {
		refuse(w, err)
		return
	}
	if form.Get("Action") != "" {
		body = []byte(form.Encode())
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), edited{}, change)))
}

// meant makes a call one that MiniStack can answer, and returns what is to be changed
// in the answer.
func (g *gateway) meant(ctx context.Context, service, action string, form url.Values) (edit, error) {
	if service == "elasticloadbalancing" && action == "DescribeRules" {
		g.note("imitated: %s:%s (weights)", service, action)
		return weighed, nil
	}
	stack, known := g.stacks[nameOf(form.Get("StackName"))]
	if service != "cloudformation" || !known {
		return nil, nil
	}
	if g.before != nil {
		g.before(action, stack)
	}
	set := nameOf(form.Get("ChangeSetName"))
	switch action {
	case "CreateChangeSet":
		return nil, g.replace(ctx, stack, form)
	case "ExecuteChangeSet":
		g.mutex.Lock()
		defer g.mutex.Unlock()
		g.standing[stack.Name] = g.made[stack.Name+" "+set]
	case "DeleteStack":
		g.mutex.Lock()
		defer g.mutex.Unlock()
		delete(g.standing, stack.Name)
	case "GetTemplate":
		return func(body []byte) []byte { return g.asSent(stack.Name, set, body) }, nil
	}
	return nil, nil
}

// nameOf is the name in the ARN of a stack or change set, or the name itself.
func nameOf(id string) string {
	if parts := strings.Split(id, "/"); len(parts) > 1 {
		return parts[1]
	}
	return id
}

// refuse answers as CloudFormation does.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprint(w, "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>")
	_ = xml.EscapeText(w, []byte(err.Error()))
	fmt.Fprint(w, "</Message></Error></ErrorResponse>")
}

// replace puts a template without what MiniStack lacks in the place of the one that is
// to be deployed.
func (g *gateway) replace(ctx context.Context, stack cfn.Stack, form url.Values) error {
	if form.Get("TemplateURL") == "" {
		return fmt.Errorf("%s: want a template in the bootstrap's bucket", stack.ID)
	}
	at, err := url.Parse(form.Get("TemplateURL"))
	if err != nil {
		return err
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(at.Path, "/"), "/")
	store := s3.NewFromConfig(g.server.Config(g.env.Site.Account, stack.Region), func(o *s3.Options) { o.UsePathStyle = true })
	object, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	sent, err := io.ReadAll(object.Body)
	if err != nil {
		return err
	}
	content, err := g.reduce(ctx, stack, sent)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	key = "reduced/" + hex.EncodeToString(sum[:]) + ".json"
	if _, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		return err
	}
	at.Path = "/" + bucket + "/" + key
	form.Set("TemplateURL", at.String())
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.made[stack.Name+" "+form.Get("ChangeSetName")] = sent // by its name: it has no ARN yet
	return nil
}

// reduce is what MiniStack gets of a template.
func (g *gateway) reduce(ctx context.Context, stack cfn.Stack, sent []byte) ([]byte, error) {
	var err error
	stack.Raw = bytes.ReplaceAll(sent, []byte(g.env.Site.HostedZone.ID), []byte(g.zone))
	if stack.Template, err = cfn.Parse(stack.Raw); err != nil {
		return nil, err
	}
	elsewhere, err := g.elsewhere(ctx, stack)
	if err != nil {
		return nil, err
	}
	return reduce(stack, gapsOf(stack, g.lacking), elsewhere)
}

// elsewhere are the stacks of other regions with the outputs that a stack reads there:
// MiniStack does not look in another region.
func (g *gateway) elsewhere(ctx context.Context, stack cfn.Stack) ([]cfn.Stack, error) {
	found := map[string]cfn.Stack{}
	for _, to := range stack.Template.Reads() {
		if !abroad(stack, to) {
			continue
		}
		other, ok := found[to.Stack]
		if !ok {
			described, err := cloudformation.NewFromConfig(g.server.Config(g.env.Site.Account, to.Region)).DescribeStacks(ctx,
				&cloudformation.DescribeStacksInput{StackName: &to.Stack})
			if err != nil {
				return nil, err
			}
			other = cfn.Stack{Name: to.Stack, Region: to.Region, Template: cfn.Template{Outputs: map[string]cfn.Output{}}}
			for _, output := range described.Stacks[0].Outputs {
				other.Template.Outputs[*output.OutputKey] = cfn.Output{Value: *output.OutputValue}
			}
			found[to.Stack] = other
		}
		if _, ok := other.Template.Outputs[to.Name]; !ok {
			return nil, fmt.Errorf("%s reads output %s of %s in %s, which is not there", stack.ID, to.Name, to.Stack, to.Region)
		}
	}
	var stacks []cfn.Stack
	for _, other := range found {
		stacks = append(stacks, other)
	}
	return stacks, nil
}

// templateBody is a template in an answer of CloudFormation.
var templateBody = regexp.MustCompile(`(?s)<TemplateBody>.*</TemplateBody>`)

// asSent gives back the template that was sent, in place of the reduced one.
func (g *gateway) asSent(stack, changeSet string, body []byte) []byte {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	sent := g.standing[stack]
	if changeSet != "" {
		sent = g.made[stack+" "+changeSet]
	}
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, sent)
	return templateBody.ReplaceAllLiteral(body, []byte("<TemplateBody>"+escaped.String()+"</TemplateBody>"))
}
