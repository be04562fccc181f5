package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"wallet-infra/internal/drift"
	"wallet-infra/internal/exit"
)

func TestOnlyWhatWasSeenAndIsAsItShouldBeEndsWell(t *testing.T) {
	seen := []drift.Result{{Stack: "wallet-staging-data"}}
	for name, test := range map[string]struct {
		results []drift.Result
		absent  []string
		want    exit.Status
	}{
		"as the templates say":      {seen, nil, exit.Done},
		"a change by hand":          {[]drift.Result{{Differences: []drift.Difference{{}}}}, nil, exit.Found},
		"only what is meant":        {[]drift.Result{{Differences: []drift.Difference{{Meant: "it grows"}}}}, nil, exit.Done},
		"a resource not looked at":  {[]drift.Result{{Unseen: "denied"}}, nil, exit.Found},
		"one stack is not deployed": {seen, []string{"wallet-staging-dr"}, exit.Found},
		"nothing is deployed":       {nil, []string{"wallet-staging-data"}, exit.Refused},
		"nothing was looked at":     {nil, nil, exit.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, exit.Of(verdict("staging", test.results, test.absent)))
		})
	}
}
