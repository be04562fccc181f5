package collector

import (
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"wallet-infra/test/engines"
)

// aws stands for the endpoints of X-Ray and Managed Prometheus: it keeps what they get.
// The collector reaches it by their own names, through a proxy.
type aws struct {
	proxy     string // URL
	authority string // file

	mutex   sync.Mutex
	back    chan struct{} // closed while somebody answers
	spans   map[string]int
	series  map[string]map[string]string // labels by name and instance
	signed  map[string]string            // the last Authorization header by host
	refused []string
}

// newAWS answers for hosts.
func newAWS(t *testing.T, hosts ...string) *aws {
	t.Helper()
	authority := engines.NewAuthority(t)
	a := &aws{authority: authority.File, spans: map[string]int{}, series: map[string]map[string]string{}, signed: map[string]string{}, back: make(chan struct{})}
	close(a.back)
	certificate, key := authority.Issue(t, "aws", hosts...)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	require.NoError(t, err)
	endpoints := httptest.NewUnstartedServer(http.HandlerFunc(a.take))
	endpoints.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	endpoints.StartTLS()
	t.Cleanup(endpoints.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.connect(w, r, hosts, endpoints.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	a.proxy = proxy.URL
	return a
}

// connect leads to the endpoints, and nowhere else.
func (a *aws) connect(w http.ResponseWriter, r *http.Request, hosts []string, to string) {
	host, port, _ := net.SplitHostPort(r.Host)
	known := slices.Contains(hosts, host) && port == "443" && r.Method == http.MethodConnect
	if !known {
		a.mutex.Lock()
		defer a.mutex.Unlock()
		a.refused = append(a.refused, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	a.wait()
	server, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	client, sent, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	go func() { _, _ = io.Copy(server, sent); _ = server.Close() }()
	go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
}

// take keeps what one request brings.
func (a *aws) take(w http.ResponseWriter, r *http.Request) {
	a.wait()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.signed[r.Host] = r.Header.Get("Authorization")
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	content, err := io.ReadAll(body)
	if err == nil && strings.HasSuffix(r.URL.Path, "/v1/traces") {
		err = a.takeSpans(content)
	} else if err == nil {
		err = a.takeSeries(content)
	}
	if err != nil {
		a.refused = append(a.refused, r.URL.Path+": "+err.Error())
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (a *aws) takeSpans(content []byte) error {
	var request traces.ExportTraceServiceRequest
	if err := proto.Unmarshal(content, &request); err != nil {
		return err
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				a.spans[span.GetName()]++
			}
		}
	}
	return nil
}

// takeSeries reads the message of remote write (prometheus.io, "Prometheus Remote-Write
// 1.0"): series (1) of labels (1) with a name (1) and a value (2), and of samples (2).
func (a *aws) takeSeries(content []byte) error {
	plain, err := snappy.Decode(nil, content)
	if err != nil {
		return err
	}
	return fields(plain, 1, func(series []byte) error {
		labels := map[string]string{}
		err := fields(series, 1, func(label []byte) error {
			var parts [3]string
			for number := range 2 {
				if err := fields(label, protowire.Number(number+1), func(part []byte) error { parts[number+1] = string(part); return nil }); err != nil {
					return err
				}
			}
			labels[parts[1]] = parts[2]
			return nil
		})
		a.series[labels["__name__"]+"@"+labels["instance"]] = labels
		return err
	})
}

// fields visits the messages and texts of a field.
func fields(message []byte, wanted protowire.Number, visit func([]byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(number, kind, message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if number == wanted && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			if err := visit(value); err != nil {
				return err
			}
		}
		message = message[n:]
	}
	return nil
}

// kept is what came so far.
func (a *aws) kept() (spans int, series map[string]map[string]string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	series = map[string]map[string]string{}
	maps.Copy(series, a.series)
	for _, count := range a.spans {
		spans += count
	}
	return spans, series
}

// lose takes the endpoints away until the function that it returns is called: requests
// go out and nobody answers.
func (a *aws) lose() (restore func()) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.back = make(chan struct{})
	return func() { close(a.back) }
}

// wait returns when somebody answers.
func (a *aws) wait() {
	a.mutex.Lock()
	back := a.back
	a.mutex.Unlock()
	<-back
}

// check holds that requests were signed for the service and region, and none went
// elsewhere.
func (a *aws) check(t *testing.T, scopes map[string]string) {
	t.Helper()
	a.mutex.Lock()
	defer a.mutex.Unlock()
	assert.Empty(t, a.refused)
	for host, scope := range scopes {
		assert.Regexp(t, `^AWS4-HMAC-SHA256 Credential=`+accessKey+`/\d{8}/`+scope+`/aws4_request, SignedHeaders=[^,]*host[^,]*x-amz-security-token.*, Signature=[0-9a-f]{64}$`, a.signed[host], host)
	}
}

// container answers for the application in the same task: its metrics, and the task's
// metadata (ECS developer guide, "Task metadata endpoint version 4").
func container(t *testing.T, region, task string) *httptest.Server {
	t.Helper()
	arn := "arn:aws:ecs:" + region + ":111111111111:task/wallet/" + task
	metrics, err := os.ReadFile(filepath.Join("testdata", "metrics.txt"))
	require.NoError(t, err)
	answers := map[string]string{
		"/metrics": string(metrics),
		"/v4": `{"DockerId":"d","Name":"collector","DockerName":"collector","Image":"i","ImageID":"i","LogDriver":"awslogs","LogOptions":` +
			`{"awslogs-group":"g","awslogs-region":"` + region + `","awslogs-stream":"s"},"ContainerARN":"` + arn + `/c"}`,
		"/v4/task": `{"Cluster":"arn:aws:ecs:` + region + `:111111111111:cluster/wallet","TaskARN":"` + arn + `","Family":"wallet","Revision":"1",` +
			`"LaunchType":"FARGATE","AvailabilityZone":"` + region + `a","Containers":[]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.URL.Path == "/metrics" {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return server
}
