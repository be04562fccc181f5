package mysql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
)

// function is a Lambda function of the platform: its own program with what the template
// tells it.
type function struct {
	program     string
	environment []string
	timeout     time.Duration
}

const region = "sa-east-1"

// newFunction builds the program of lambda/NAME, for the function of the first region
// whose logical ID begins as said. An authority stands for the region's.
func newFunction(t *testing.T, name, id string, authority *engines.Authority, aws string) function {
	t.Helper()
	f := function{program: filepath.Join(t.TempDir(), name), environment: []string{
		"AWS_REGION=" + region, "AWS_ENDPOINT_URL=" + aws, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_EC2_METADATA_DISABLED=true", "GODEBUG=" + os.Getenv("GODEBUG"),
	}}
	arguments := []string{"build", "-o", f.program}
	if authority != nil {
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
			filepath.Join(engines.Root(t), "config", "cabundle", region+".pem"): authority.File,
		}})
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "overlay.json")
		require.NoError(t, os.WriteFile(file, overlay, 0o600))
		arguments = append(arguments, "-overlay", file)
	}
	build := exec.CommandContext(t.Context(), "go", append(arguments, "./lambda/"+name)...)
	build.Dir = root
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	f.configure(t, id)
	return f
}

// configure takes the function's time and variables from the template.
func (f *function) configure(t *testing.T, id string) {
	t.Helper()
	for _, stack := range engines.Stacks(t, "production") {
		if strings.Contains(stack.ID, "/DR") {
			continue // the second region's, which are equal
		}
		for _, resource := range stack.Template.OfType("AWS::Lambda::Function") {
			if !strings.HasPrefix(resource.ID, id) {
				continue
			}
			seconds, ok := resource.Properties["Timeout"].(float64)
			require.True(t, ok, "Timeout of %s", resource.ID)
			f.timeout = time.Duration(seconds) * time.Second
			variables, _ := resource.Properties["Environment"].(cfn.Object)
			values, _ := variables["Variables"].(cfn.Object)
			for name, value := range values {
				f.environment = append(f.environment, fmt.Sprint(name, "=", value))
			}
		}
	}
	require.NotZero(t, f.timeout, "no function %s", id)
}

// instance is a function's program as Lambda runs it, by the API of custom runtimes
// (Lambda developer guide, "Using the Lambda runtime API for custom runtimes").
type instance struct {
	function
	command *exec.Cmd
	events  chan []byte
	answers chan error
	ended   chan struct{}
	said    lockedBuffer
}

type lockedBuffer struct {
	lock   sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.buffer.String()
}

// start runs the program until the test ends, or somebody kills it.
func (f function) start(t *testing.T) *instance {
	t.Helper()
	i := &instance{function: f, events: make(chan []byte), answers: make(chan error, 1), ended: make(chan struct{})}
	runtime := httptest.NewServer(http.HandlerFunc(i.serve))
	i.command = exec.Command(f.program)
	i.command.Env = append(slices.Clone(f.environment), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"))
	i.command.Stdout, i.command.Stderr = &i.said, &i.said
	require.NoError(t, i.command.Start())
	go func() {
		_ = i.command.Wait()
		close(i.ended)
	}()
	t.Cleanup(func() {
		i.kill()
		runtime.CloseClientConnections()
		runtime.Close()
	})
	return i
}

func (i *instance) kill() {
	_ = i.command.Process.Kill()
	<-i.ended
}

func (i *instance) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/invocation/next"):
		select {
		case event := <-i.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(i.timeout).UnixMilli()))
			_, _ = w.Write(event)
		case <-i.ended:
		}
	case strings.HasSuffix(r.URL.Path, "/response"):
		w.WriteHeader(http.StatusAccepted)
		i.answers <- nil
	default: // an error of the call, or of the start
		said, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		i.answers <- errors.New(string(said))
	}
}

// errKilled is what becomes of a call whose function is gone.
var errKilled = errors.New("the function was killed")

// call invokes the function.
func (i *instance) call(t *testing.T, event any) error {
	t.Helper()
	content, err := json.Marshal(event)
	require.NoError(t, err)
	select {
	case i.events <- content:
	case <-i.ended:
		return fmt.Errorf("%w: %s", errKilled, i.said.String())
	}
	select {
	case err := <-i.answers:
		return err
	case <-i.ended:
		return fmt.Errorf("%w: %s", errKilled, i.said.String())
	}
}
