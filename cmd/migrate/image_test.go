package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nobody builds the image on the way to a merge, so that a package that its recipe
// forgets would show at the next release.
func TestTheImageIsBuiltFromAllThatTheRunnerNeeds(t *testing.T) {
	recipe, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	var copied []string
	for _, parts := range regexp.MustCompile(`(?m)^COPY (\S+) (\S+)$`).FindAllStringSubmatch(string(recipe), -1) {
		if parts[1] == parts[2] {
			copied = append(copied, parts[1])
		}
	}
	list := exec.Command("go", "list", "-deps", ".")
	output, err := list.Output()
	require.NoError(t, err)
	needed := 0
	for line := range strings.Lines(string(output)) {
		if own, ours := strings.CutPrefix(strings.TrimSpace(line), "wallet-infra/"); ours {
			needed++
			assert.True(t, slices.ContainsFunc(copied, func(path string) bool { return own == path || strings.HasPrefix(own, path+"/") }),
				"the Dockerfile copies %v and not %s", copied, own)
		}
	}
	assert.GreaterOrEqual(t, needed, 3)
	for _, want := range []string{"COPY ${SQL} /migrations", "USER 65532:65532", "FROM scratch", `ENTRYPOINT ["/migrate"]`, "CGO_ENABLED=0"} {
		assert.Contains(t, string(recipe), want)
	}
}

// An automatic argument of BuildKit that has a default keeps it, whatever platform is
// asked for: the image would say amd64 and hold a program for arm64, which no check
// before the deployment sees and no task can start.
func TestTheProgramIsBuiltForThePlatformThatTheImageNames(t *testing.T) {
	recipe, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	for _, argument := range []string{"TARGETOS", "TARGETARCH"} {
		assert.Regexp(t, `(?m)^ARG `+argument+`$`, string(recipe), "declared in the stage that uses it, without a default")
		assert.Contains(t, string(recipe), "${"+argument+"}")
	}
	assert.Contains(t, string(recipe), "FROM --platform=$BUILDPLATFORM ", "the toolchain would be emulated")
	assert.Regexp(t, `GOOS=\$\{TARGETOS\} GOARCH=\$\{TARGETARCH\}`, string(recipe))
}
