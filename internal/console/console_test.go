package console

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAReportReadsWellAtATerminal(t *testing.T) {
	const report = "## Drift of staging\n\n| stack | USD a month | seed's |\n| --- | ---: | --- |\n| network | 1 |  |\n" +
		"| **total** | **12 to 13** | |\n\n**Unpriced**, too low by it:\n\n- 1 × a | b\n"
	assert.Equal(t, "Drift of staging\n\nstack    USD a month  seed's\nnetwork  1\ntotal    12 to 13\n\nUnpriced, too low by it:\n\n- 1 × a | b\n", Plain(report))
}
