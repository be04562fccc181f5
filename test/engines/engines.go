// Package engines helps the tests below this directory, which judge the platform by
// programs that nobody here wrote. `make engines` runs them; without it they are
// skipped, so that Go and Node are enough for `make test`.
package engines

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Required is the environment variable that `make engines` sets: an engine that is
// missing then fails its tests.
const Required = "ENGINES"

// Find returns the path of an engine's program, and names the Debian package that
// brings it where it is missing. Debian keeps servers outside an ordinary user's PATH.
func Find(t *testing.T, program, debianPackage string) string {
	t.Helper()
	if os.Getenv(Required) == "" {
		t.Skipf("judged by %s in `make engines`", program)
	}
	for _, candidate := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: `scripts/engines.sh install` brings it on Debian (package %s)", program, debianPackage)
	return ""
}

// FreePort is a TCP port on loopback that nobody listens on.
func FreePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("want a TCP address, got %v", listener.Addr())
	}
	return strconv.Itoa(address.Port)
}
