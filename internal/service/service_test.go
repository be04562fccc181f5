package service

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// After a return from B to A, the release before A is not B.
func TestARollbackNeverGoesForward(t *testing.T) {
	history := func(tags ...string) []Release {
		var all []Release
		for _, tag := range tags {
			all = append(all, Release{Tag: tag})
		}
		return all
	}
	for _, row := range []struct {
		history     []Release
		now, before string
	}{
		{history("1.2", "1.1", "1.0"), "1.2", "1.1"},
		{history("1.1", "1.2", "1.1", "1.0"), "1.1", "1.0"},
		{history("1.1", "1.1", "1.0"), "1.1", "1.0"},
		{history("1.1", "1.2", "1.1", "1.2", "1.1", "1.0"), "1.1", "1.0"},
		{history("1.0", "1.1", "1.0"), "1.0", ""},
		{history("1.0"), "1.0", ""},
		{history("1.1", "", "1.0"), "1.1", "1.0"},
		{nil, "", ""},
	} {
		now, before := Previous(row.history)
		assert.Equal(t, []string{row.now, row.before}, []string{now, before}, "%v", row.history)
	}
}

func TestTheTagOfAnImageIsRead(t *testing.T) {
	for image, want := range map[string]string{
		"1.dkr.ecr.sa-east-1.amazonaws.com/wallet/service:1.0.0":             "1.0.0",
		"1.dkr.ecr.sa-east-1.amazonaws.com/wallet/service:1.0.0@sha256:abcd": "1.0.0",
		"localhost:5000/wallet/service":                                      "",
		"service":                                                            "",
	} {
		assert.Equal(t, want, TagOf(image), image)
	}
}
