package emulator

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what MiniStack lacks into testdata")

// count compares what MiniStack did not do with the list in testdata: it may not grow.
func (l *life) count(t *testing.T) {
	path := filepath.Join("testdata", l.env.Name+".txt")
	now, created := l.notDone(), 0
	for _, stack := range l.stacks {
		created += len(stack.Template.Resources)
	}
	for reason, times := range now {
		if strings.HasPrefix(reason, leftOut) {
			created -= times
		}
	}
	t.Logf("%d resources were created in an emulator; AWS validated nothing. Not done:\n%s", created, list(now))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(list(now)), 0o600))
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	known := map[string]int{}
	for line := range strings.Lines(string(content)) {
		times, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		known[reason], err = strconv.Atoi(times)
		require.NoError(t, err, path)
	}
	more, fewer := compared(now, known)
	assert.Empty(t, more, "%s knows fewer: go test -update after a review", path)
	if len(fewer) > 0 {
		t.Logf("%s can shrink (go test -update): %s", path, strings.Join(fewer, "; "))
	}
}

// compared says which reasons there are more and fewer times than the list knows.
func compared(now, known map[string]int) (more, fewer []string) {
	for _, reason := range slices.Sorted(maps.Keys(now)) {
		if now[reason] > known[reason] {
			more = append(more, fmt.Sprintf("%s: %d, and not %d", reason, now[reason], known[reason]))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(known)) {
		if now[reason] < known[reason] {
			fewer = append(fewer, fmt.Sprintf("%s: %d, and not %d", reason, now[reason], known[reason]))
		}
	}
	return more, fewer
}

func TestWhatMiniStackLacksMayNotGrow(t *testing.T) {
	more, fewer := compared(map[string]int{"same": 2, "more": 3, "new": 1, "fewer": 1}, map[string]int{"same": 2, "more": 2, "fewer": 4, "gone": 1})
	assert.Equal(t, []string{"more: 3, and not 2", "new: 1, and not 0"}, more)
	assert.Equal(t, []string{"fewer: 1, and not 4", "gone: 0, and not 1"}, fewer)
}

// leftOut begins the reason for a resource that was left out of its template.
const leftOut = "left out: "

// notDone counts what MiniStack did not do, by reason.
func (l *life) notDone() map[string]int {
	reasons := map[string]int{"filled in: the hosted zone's ID": 1}
	for _, stack := range l.stacks {
		for _, one := range gapsOf(stack, l.lacking) {
			reasons[leftOut+one.resourceType+": "+one.why]++
		}
		for _, to := range stack.Template.Reads() {
			if abroad(stack, to) {
				reasons["filled in: outputs of another region, where it does not look"]++
			}
		}
	}
	for attribute, why := range unknownAttributes {
		for _, stack := range l.stacks {
			of, _, _ := strings.Cut(attribute, ".")
			if times := len(stack.Template.OfType(of)); times > 0 {
				reasons["filled in: "+attribute+": "+why] += times
			}
		}
	}
	for noted := range l.noted {
		reasons[noted]++
	}
	return reasons
}

// list is one reason a line, after its count.
func list(reasons map[string]int) string {
	var lines strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(&lines, "%d %s\n", reasons[reason], reason)
	}
	return lines.String()
}
