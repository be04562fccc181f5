package local

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
)

// Proxy stands between the CDK CLI and the emulator and returns its own address, on
// loopback. It changes two things in CloudFormation's calls, without which the CLI
// updates and removes nothing in MiniStack 1.4.21:
//
//   - where the CLI names a stack by its ID, MiniStack finds none; a removal does
//     nothing then and reports success. The calls that read a stack's state keep the
//     ID, by which alone a deleted stack is found.
//   - the CLI deletes the change set of the last deployment first, whether there is
//     one or not. CloudFormation lets that pass, MiniStack fails.
func Proxy(endpoint string) (address string, stop func(), err error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return "", nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.Out.Host = request.In.Host
		},
		// An emulator closes idle connections without a word.
		Transport:      &http.Transport{Proxy: nil, DisableKeepAlives: true},
		ModifyResponse: passMissingChangeSet,
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		action, err := nameStacks(request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, request.WithContext(context.WithValue(request.Context(), actionKey{}, action)))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(listener) }() // it ends with the error that Close causes
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// nameStacks puts the name of a stack in the place of its ID in a call of
// CloudFormation's query protocol, and returns the call's name.
func nameStacks(request *http.Request) (string, error) {
	if !strings.HasPrefix(request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "", nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return "", err
	}
	action := ""
	if form, err := url.ParseQuery(string(body)); err == nil {
		action = form.Get("Action")
		if name, ok := stackName(form.Get("StackName")); ok && byName[action] {
			form.Set("StackName", name)
			body = []byte(form.Encode())
		}
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	request.ContentLength = int64(len(body))
	return action, nil
}

// actionKey is where a request's context has the call's name.
type actionKey struct{}

// passMissingChangeSet turns the failure to delete a change set that is not there
// into the success that CloudFormation reports.
func passMissingChangeSet(answer *http.Response) error {
	if answer.StatusCode != http.StatusNotFound || answer.Request.Context().Value(actionKey{}) != "DeleteChangeSet" {
		return nil
	}
	const done = "<DeleteChangeSetResponse><DeleteChangeSetResult/></DeleteChangeSetResponse>"
	answer.StatusCode, answer.Status = http.StatusOK, "200 OK"
	answer.Header.Set("Content-Length", strconv.Itoa(len(done)))
	answer.ContentLength = int64(len(done))
	err := answer.Body.Close()
	answer.Body = io.NopCloser(strings.NewReader(done))
	return err
}

// byName are the calls about a stack that stands.
var byName = map[string]bool{
	"DeleteStack": true, "UpdateStack": true, "GetTemplate": true, "ListStackResources": true, "DescribeStackResource": true,
	"DescribeStackResources": true, "CreateChangeSet": true, "DescribeChangeSet": true, "ExecuteChangeSet": true,
	"DeleteChangeSet": true, "ListChangeSets": true,
}

// stackName is the name within a stack's ID.
func stackName(id string) (string, bool) {
	_, path, ok := strings.Cut(id, ":stack/")
	if !ok || !strings.HasPrefix(id, "arn:") {
		return "", false
	}
	name, _, _ := strings.Cut(path, "/")
	return name, true
}
