// Package ministack runs MiniStack, an AWS emulator (github.com/ministackorg/ministack),
// for the tests that deploy the platform's templates. It shows orchestration: order,
// references, change sets, updates, removal. It says nothing of what AWS accepts.
package ministack

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"wallet-infra/test/engines"
)

// Server is a running emulator, which holds every account and region.
type Server struct {
	// Endpoint is its address on this machine, such as http://127.0.0.1:4566.
	Endpoint string
}

// Start runs an emulator of its own until the test ends. What it writes is in a folder
// of the test.
func Start(t *testing.T) Server {
	t.Helper()
	engines.Want(t, "MiniStack")
	python := filepath.Join(engines.Root(t), "build", "ministack", "bin", "python3")
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("MiniStack is missing: `scripts/engines.sh install` brings it (PyPI): %v", err)
	}
	port, dir := engines.FreePort(t), t.TempDir()
	command := exec.Command(python, "-m", "ministack")
	command.Dir = dir
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "STATE_DIR=" + dir, "S3_DATA_DIR=" + dir,
		"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port, "LOG_LEVEL=WARNING",
		"DOCKER_HOST=unix://" + filepath.Join(dir, "none"), // it starts no containers
	}
	address := net.JoinHostPort("127.0.0.1", port)
	engines.Run(t, command).Await(t, func() error {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return connection.Close()
	})
	return Server{Endpoint: "http://" + address}
}

// callWait bounds one call.
const callWait = time.Minute

// Config is the SDK's configuration for an account's region. The emulator takes the
// access key for the account. Neither the environment nor a file points it elsewhere.
func (s Server) Config(account, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: new(s.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(account, "emulator", ""),
		HTTPClient:  &http.Client{Timeout: callWait, Transport: &http.Transport{Proxy: nil}},
	}
}
