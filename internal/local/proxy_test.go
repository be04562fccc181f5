package local

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// MiniStack finds no stack by its ID in these calls, and reports that a removal of
// nothing succeeded.
func TestStacksAreNamedWhereTheEmulatorKnowsNoID(t *testing.T) {
	const id = "arn:aws:cloudformation:sa-east-1:111111111111:stack/wallet-staging-data/0a1b"
	var got []string
	emulator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		got = append(got, request.Method+" "+request.URL.Path+" "+string(body))
		w.WriteHeader(http.StatusTeapot)
	}))
	defer emulator.Close()
	proxy, stop, err := Proxy(emulator.URL)
	require.NoError(t, err)
	defer stop()
	checked, err := Endpoint(t.Context(), proxy, names)
	require.NoError(t, err, "the proxy itself is on loopback")

	post := func(form url.Values) {
		answer, err := http.PostForm(checked, form)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusTeapot, answer.StatusCode)
	}
	post(url.Values{"Action": {"DeleteStack"}, "StackName": {id}})
	post(url.Values{"Action": {"DescribeStacks"}, "StackName": {id}})
	post(url.Values{"Action": {"DeleteStack"}, "StackName": {"plain"}})
	request, err := http.NewRequest(http.MethodPut, checked+"/bucket/key", strings.NewReader("Action=DeleteStack&StackName="+id))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, []string{
		"POST / Action=DeleteStack&StackName=wallet-staging-data",
		"POST / Action=DescribeStacks&StackName=" + url.QueryEscape(id),
		"POST / Action=DeleteStack&StackName=plain",
		"PUT /bucket/key Action=DeleteStack&StackName=" + id, // an object is passed on as it is
	}, got)
}

// The CLI deletes the last change set before each deployment, and there may be none.
func TestAMissingChangeSetStopsNoDeployment(t *testing.T) {
	emulator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "ChangeSetNotFound", http.StatusNotFound)
	}))
	defer emulator.Close()
	proxy, stop, err := Proxy(emulator.URL)
	require.NoError(t, err)
	defer stop()
	for action, want := range map[string]int{"DeleteChangeSet": http.StatusOK, "DescribeChangeSet": http.StatusNotFound} {
		answer, err := http.PostForm(proxy, url.Values{"Action": {action}, "StackName": {"s"}})
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, want, answer.StatusCode, action)
		assert.Equal(t, want == http.StatusOK, strings.Contains(string(body), "DeleteChangeSetResult"), action)
	}
}
