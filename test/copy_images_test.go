package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

// A standby that is turned on later finds no image: ECR copies what is pushed from then
// on and nothing that was there.
func TestImagesThatExistReachTheSecondRegion(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	for name, script := range map[string]string{
		// The migrations' image is there already; of the service's ECR knows nothing.
		"aws":    `echo "aws $*" >> "$LOG"; case "$*" in *get-caller-identity*) echo "$ACCOUNT"; exit 0;; *get-login-password*) echo a-password;; *describe-images*service*|*describe-images*collector*) exit 254;; esac`,
		"docker": `[ "$1" = login ] && cat > /dev/null; echo "docker $*" >> "$LOG"`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\nexit 0\n"), 0o755))
	}
	copyAs := func(account string) (string, error) {
		command := exec.Command("../scripts/copy-images.sh", "production", "1.2.3", "us-east-1")
		command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "LOG="+log, "ACCOUNT="+account)
		output, err := command.CombinedOutput()
		return string(output), err
	}
	output, err := copyAs("999999999999")
	require.Error(t, err, output)
	assert.Contains(t, output, "of the account 999999999999, not of "+config.Production().Site.Account)
	content, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.NotContains(t, string(content), "docker", "nobody signs in to a registry of another account")
	account := config.Production().Site.Account
	output, err = copyAs(account)
	require.NoErrorf(t, err, "%s", output)
	content, err = os.ReadFile(log)
	require.NoError(t, err)
	assert.Contains(t, string(content), "docker buildx imagetools create --prefer-index=false --tag "+account+".dkr.ecr.us-east-1.amazonaws.com/wallet-production/service:1.2.3 "+account+".dkr.ecr.sa-east-1.amazonaws.com/wallet-production/service:1.2.3")
	digest := config.Production().Service.CollectorDigest()
	assert.Contains(t, string(content), account+".dkr.ecr.us-east-1.amazonaws.com/wallet-production/collector:"+strings.Replace(digest, ":", "-", 1)+" "+account+".dkr.ecr.sa-east-1.amazonaws.com/wallet-production/collector@"+digest,
		"no task of the second region starts without its collector")
	assert.NotContains(t, string(content), "wallet-production/migrations:1.2.3 ", "a tag is immutable: what is there cannot be copied again")
	assert.NotContains(t, string(content)+output, "a-password")
	assert.Equal(t, 2, strings.Count(string(content), "docker login"))
}
