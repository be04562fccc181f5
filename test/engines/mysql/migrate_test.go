// Package mysql holds what a MySQL server judges: the database's users, the migrations,
// and the SQL that the documents tell people to run.
package mysql

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines/mysql/server"
)

const root = "../../.."

// programs are where the tests' programs are built, until all tests have run.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "wallet-engines-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(status)
}

// migrate builds the program of the image of migrations.
var migrate = sync.OnceValues(func() (string, error) {
	program := filepath.Join(programs, "migrate")
	build := exec.Command("go", "build", "-o", program, "./cmd/migrate")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return program, nil
})

// release is a release's own program of migrations, with the migrations that it knows.
type release struct {
	server    server.Server
	port      string // of the server, or of what leads to it
	program   string
	tag       string
	directory string
}

// newRelease gives the program the committed migrations and those of the test, by the
// names of their files.
func newRelease(t *testing.T, on server.Server, tag string, more map[string]string) release {
	t.Helper()
	program, err := migrate()
	require.NoError(t, err)
	r := release{server: on, port: on.Port, tag: tag, program: program, directory: t.TempDir()}
	committed, err := filepath.Glob(filepath.Join(root, "cmd/migrate/sql/*.sql"))
	require.NoError(t, err)
	require.NotEmpty(t, committed)
	for _, file := range committed {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(r.directory, filepath.Base(file)), content, 0o600))
	}
	for name, content := range more {
		require.NoError(t, os.WriteFile(filepath.Join(r.directory, name), []byte(content), 0o600))
	}
	return r
}

// command is a call of the program.
func (r release) command(arguments ...string) *exec.Cmd {
	command := exec.Command(r.program, append(arguments, "--dir", r.directory, "--ca", r.server.Authority.File)...)
	command.Env = append(os.Environ(), "DATABASE_HOST=127.0.0.1", "DATABASE_PORT="+r.port, "DATABASE_NAME=wallet",
		"DATABASE_USERNAME="+server.Owner, "DATABASE_PASSWORD="+server.Password, "RELEASE="+r.tag)
	return command
}

// run returns the program's exit status and what it said.
func (r release) run(t *testing.T, arguments ...string) (int, string) {
	t.Helper()
	command := r.command(arguments...)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return command.ProcessState.ExitCode(), string(output)
}

// migrate runs the release's migrations, which must succeed.
func (r release) migrate(t *testing.T, serving string) {
	t.Helper()
	status, said := r.run(t, "up", "--serving", serving)
	require.Equal(t, 0, status, "%s", said)
}
