package mysql

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/test/engines/mysql/server"
)

// The migrations' own tests inject faults into a fake of the server. What they hold
// without a fault holds here too.
func answersAsTheFake(t *testing.T, on table) {
	suite := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^(TestOnAFakeServer|TestOnARealServer)$", "./cmd/migrate/migrations")
	suite.Dir = root
	suite.Env = append(os.Environ(), "WALLET_TEST_MYSQL="+server.Owner+":"+server.Password+"@tcp(127.0.0.1:"+on.Port+")/",
		"WALLET_TEST_MYSQL_CA="+on.Authority.File)
	output, err := suite.CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, on := range []string{"Fake", "Real"} {
		assert.Contains(t, string(output), "--- PASS: TestOnA"+on+"Server")
	}
}
