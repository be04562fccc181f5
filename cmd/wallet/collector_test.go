package main

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

// stub puts programs on the path that write down how they were called.
func stub(t *testing.T, programs map[string]string) (path, journal string) {
	t.Helper()
	dir := t.TempDir()
	journal = filepath.Join(dir, "journal")
	for name, body := range programs {
		script := "#!/bin/sh\necho " + name + ` "$@" >> ` + journal + "\n" + body + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir + ":" + os.Getenv("PATH"), journal
}

// copyCollector runs the script against stubs: AWS knows the image from its `known`-th
// question on.
func copyCollector(t *testing.T, account string, known bool, arguments ...string) (calls []string, out string, err error) {
	t.Helper()
	const later = `case "$*" in
*get-caller-identity*) echo ACCOUNT ;;
*get-login-password*) echo secret ;;
*describe-images*) test -e "$0.copied" || exit 254; echo there ;;
esac`
	path, journal := stub(t, map[string]string{
		"aws":    strings.ReplaceAll(later, "ACCOUNT", account),
		"docker": `case "$*" in *imagetools*) touch "$(dirname "$0")/aws.copied" ;; *login*) cat > /dev/null ;; esac`,
	})
	if known {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(journal), "aws.copied"), nil, 0o644))
	}
	command := exec.Command("../../scripts/collector.sh", arguments...)
	command.Env = append(os.Environ(), "PATH="+path)
	printed, err := command.CombinedOutput()
	written, _ := os.ReadFile(journal)
	return strings.Split(strings.TrimSpace(string(written)), "\n"), string(printed), err
}

// The copy must have the digest by which tasks pull it.
func TestTheCollectorIsCopiedAsItIsAndLookedForAfterwards(t *testing.T) {
	env := config.Staging()
	_, digest, _ := strings.Cut(env.Service.CollectorImage, "@")
	calls, out, err := copyCollector(t, env.Site.Account, false, "staging")
	require.NoError(t, err, out)
	registry := env.Site.Account + ".dkr.ecr.sa-east-1.amazonaws.com"
	look := "aws ecr describe-images --region sa-east-1 --repository-name wallet-staging/collector --image-ids imageDigest=" + digest +
		" --query imageDetails[0].imageDigest --output text"
	if len(calls) > 3 && strings.HasPrefix(calls[2], "docker") {
		calls[2], calls[3] = calls[3], calls[2] // both ends of one pipe
	}
	assert.Equal(t, []string{
		"aws sts get-caller-identity --query Account --output text", look,
		"aws ecr get-login-password --region sa-east-1",
		"docker login --username AWS --password-stdin " + registry,
		"docker buildx imagetools create --prefer-index=false --tag " + registry + "/wallet-staging/collector:" + strings.Replace(digest, ":", "-", 1) + " " + env.Service.CollectorImage,
		"docker logout " + registry, look,
	}, calls)
	assert.NotContains(t, out, "secret")
}

func TestACollectorThatIsThereIsNotPushedAgain(t *testing.T) {
	calls, out, err := copyCollector(t, config.Staging().Site.Account, true, "staging")
	require.NoError(t, err)
	assert.Contains(t, out, "it is there already")
	assert.NotContains(t, strings.Join(calls, "\n"), "docker")
}

func TestTheCollectorIsNotPushedIntoAnotherAccount(t *testing.T) {
	for _, arguments := range [][]string{{"staging"}, {"nowhere"}, {}} {
		calls, out, err := copyCollector(t, "999999999999", false, arguments...)
		assert.Error(t, err, out)
		assert.NotContains(t, strings.Join(calls, "\n"), "docker", "%v", arguments)
	}
}
