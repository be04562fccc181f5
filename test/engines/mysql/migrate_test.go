// Package mysql holds what a MySQL server judges: the migrations, and the SQL that the
// documents tell people to run.
package mysql

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines/mysql/server"
)

const root = "../../.."

// release is a release's own program of migrations, with the migrations that it knows.
type release struct {
	server    server.Server
	program   string
	tag       string
	directory string
}

// newRelease builds the program of the image and gives it the committed migrations and
// those of the test, by the names of their files.
func newRelease(t *testing.T, on server.Server, tag string, more map[string]string) release {
	t.Helper()
	r := release{server: on, tag: tag, program: filepath.Join(t.TempDir(), "migrate"), directory: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", r.program, "./cmd/migrate")
	build.Dir = root
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
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

// run returns the program's exit status and what it said.
func (r release) run(t *testing.T, arguments ...string) (int, string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), r.program, append(arguments, "--dir", r.directory, "--ca", r.server.Authority.File)...)
	command.Env = append(os.Environ(), "DATABASE_HOST=127.0.0.1", "DATABASE_PORT="+r.server.Port, "DATABASE_NAME=wallet",
		"DATABASE_USERNAME="+server.Owner, "DATABASE_PASSWORD="+server.Password, "RELEASE="+r.tag)
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
