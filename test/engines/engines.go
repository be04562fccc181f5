// Package engines helps the tests below this directory, which judge the platform by
// programs that nobody here wrote. `make engines` runs them; without it they are
// skipped, so that Go and Node are enough for `make test`.
package engines

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// Required is the environment variable that `make engines` sets: an engine that is
// missing then fails its tests.
const Required = "ENGINES"

// Want skips a test that an engine judges, outside `make engines`.
func Want(t *testing.T, engine string) {
	t.Helper()
	if os.Getenv(Required) == "" {
		t.Skipf("judged by %s in `make engines`", engine)
	}
}

// Find returns the path of an engine's program, and names the Debian package that
// brings it where it is missing. Debian keeps servers outside an ordinary user's PATH.
func Find(t *testing.T, program, debianPackage string) string {
	t.Helper()
	Want(t, program)
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
	require.NoError(t, err)
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	require.True(t, ok, "want a TCP address, got %v", listener.Addr())
	return strconv.Itoa(address.Port)
}

// Root is the directory of the repository, from that of the test.
func Root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cdk.json")); err == nil {
			return dir
		}
	}
	t.Fatal("no cdk.json above the test")
	return ""
}

// Stacks are an environment's stacks as `make synth` left them in cdk.out.
func Stacks(t *testing.T, environment string) []cfn.Stack {
	t.Helper()
	all, err := cfn.Read(filepath.Join(Root(t), "cdk.out"))
	require.NoError(t, err, "`make synth` writes the templates")
	stacks := slices.DeleteFunc(all, func(stack cfn.Stack) bool {
		return !strings.HasPrefix(strings.ToLower(stack.ID), environment+"/")
	})
	require.NotEmpty(t, stacks, "stacks of %s", environment)
	return stacks
}

// Resource is the only resource of a type in a stack, named by its ID in the
// environment's stage, such as "Messaging".
func Resource(t *testing.T, stacks []cfn.Stack, stack, resourceType string) (cfn.Stack, cfn.Resource) {
	t.Helper()
	for _, s := range stacks {
		if _, id, _ := strings.Cut(s.ID, "/"); id == stack {
			found := s.Template.OfType(resourceType)
			require.Len(t, found, 1, "%s in %s", resourceType, s.ID)
			return s, found[0]
		}
	}
	t.Fatalf("no stack %s", stack)
	return cfn.Stack{}, cfn.Resource{}
}
