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

// policyGrants reads a policy document of a resource.
func policyGrants(r resource, property string, document any) []grant {
	return said(r, property, policy.Read(document))
}

// said notes where grants stand.
func said(r resource, property string, grants []policy.Grant) []grant {
	var found []grant
	for _, one := range grants {
		found = append(found, grant{Grant: one, by: r, property: property})
	}
	return found
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
