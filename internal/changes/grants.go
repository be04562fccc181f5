package changes

import (
	"slices"

	"wallet-infra/internal/policy"
)

// grant is one sentence of a policy, and the resource of the template that says it,
// in which property.
type grant struct {
	policy.Grant
	by       resource
	property string
}

// say adds the statements of a policy to what is said about a subject.
func (s *subject) say(by resource, property string, statements []any) {
	s.statements = append(s.statements, statements...)
	for _, one := range policy.Grants(statements) {
		s.grants = append(s.grants, grant{Grant: one, by: by, property: property})
	}
}

// uncovered lists the grants that none of the others covers.
func uncovered(grants, others []grant) []grant {
	var found []grant
	for _, one := range grants {
		if !slices.ContainsFunc(others, func(other grant) bool { return other.Covers(one.Grant) }) {
			found = append(found, one)
		}
	}
	return found
}
