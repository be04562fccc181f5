package engines

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ContractPage is what the platform and the service's team agree on.
const ContractPage = "docs/APPLICATION.md"

// Contract reads the names in the first column of the page's table with a heading,
// "variable" or "secret".
func Contract(t *testing.T, heading string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(Root(t), ContractPage))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(content), "\n| "+heading+" | ")
	require.True(t, found, "%s has no table of %ss", ContractPage, heading)
	table, _, _ = strings.Cut(table, "\n\n")
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			names = append(names, name[1])
		}
	}
	return names
}
