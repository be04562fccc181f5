package region

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/require"
)

// call is a request to AWS, in the region that it was signed for.
type call struct{ region, operation string }

// wire stands before the emulator: it records every request, and takes from the clients
// what the loss of a region takes.
type wire struct {
	URL string

	mu       sync.Mutex
	calls    []call
	lost     string // a region that does not answer
	throttle int    // how many more requests are throttled
	// silent is an operation that is carried out and never answered.
	silent string
	// seen is told of each request that got through, after its answer.
	seen func(call)
}

func newWire(t *testing.T, emulator string) *wire {
	t.Helper()
	target, err := url.Parse(emulator)
	require.NoError(t, err)
	w := &wire{}
	proxy := &httputil.ReverseProxy{
		Transport:    &http.Transport{DisableKeepAlives: true}, // the emulator closes one at rest when it likes
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // the client went
	}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		w.serve(proxy, answer, request)
	}))
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

func (w *wire) serve(proxy http.Handler, answer http.ResponseWriter, request *http.Request) {
	asked := read(request)
	w.mu.Lock()
	w.calls = append(w.calls, asked)
	lost := w.lost == asked.region || w.lost != "" && asked.operation == switchover
	throttled, silent, seen := w.throttle > 0, w.silent == asked.operation, w.seen
	if throttled && !lost {
		w.throttle--
	}
	w.mu.Unlock()
	switch {
	case lost:
		panic(http.ErrAbortHandler) // the connection breaks
	case throttled:
		throttling(answer, request)
	case silent:
		proxy.ServeHTTP(httptest.NewRecorder(), request)
		<-request.Context().Done()
	default:
		proxy.ServeHTTP(answer, request)
		if seen != nil {
			seen(asked)
		}
	}
}

// switchover waits for both databases: without one of the regions it goes nowhere.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
const switchover = "SwitchoverGlobalCluster"

// read finds the region in the signature's scope (key/date/region/service) and the
// operation in the place that the service's protocol has for it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func read(request *http.Request) call {
	_, scope, _ := strings.Cut(request.Header.Get("Authorization"), "Credential=")
	parts := append(strings.Split(scope, "/"), "", "", "", "")
	asked := call{region: parts[2], operation: request.Method + " " + request.URL.Path}
	switch target := request.Header.Get("X-Amz-Target"); {
	case target != "":
		asked.operation = target[strings.LastIndex(target, ".")+1:]
	case strings.Contains(request.URL.Path, "/operation/"):
		asked.operation = path.Base(request.URL.Path)
	case strings.HasPrefix(request.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		body, _ := io.ReadAll(request.Body)
		request.Body = io.NopCloser(strings.NewReader(string(body)))
		form, _ := url.ParseQuery(string(body))
		asked.operation = form.Get("Action")
	}
	return asked
}

// throttling is AWS's refusal of a request that comes too soon, in the three protocols.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html
func throttling(answer http.ResponseWriter, request *http.Request) {
	const code = "ThrottlingException"
	body := "<ErrorResponse><Error><Code>" + code + "</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
	switch {
	case request.Header.Get("X-Amz-Target") != "":
		body = `{"__type": "` + code + `", "message": "Rate exceeded"}`
	case request.Header.Get("Smithy-Protocol") != "":
		answer.Header().Set("Smithy-Protocol", request.Header.Get("Smithy-Protocol"))
		body = string(cbor.Encode(cbor.Map{"__type": cbor.String(code)}))
	}
	answer.WriteHeader(http.StatusBadRequest)
	fmt.Fprint(answer, body)
}

// set changes what the wire does.
func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// since are the calls after some.
func (w *wire) since(start int) []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls[start:])
}

// failovers is how often the operation was asked for that gives up what was not copied.
func (w *wire) failovers() int {
	found := 0
	for _, one := range w.since(0) {
		if one.operation == failover {
			found++
		}
	}
	return found
}
