// Package config holds everything that may differ between two deployments of
// the wallet platform, as plain Go values.
//
// An [Environment] is one deployment: the files staging.go and production.go
// give each number once, with its reason. Every other file holds one concept: its
// type, what follows from it, what is the same in every environment, and what
// [Environment.Validate] refuses of it, before anything is synthesized. names.go holds
// each physical name that must be known outside the stack which owns it. The package
// imports no CDK, so tools and tests can read it without starting Node.
package config

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Environment is one deployment of the whole platform in one AWS account.
type Environment struct {
	// Name is lower-case, such as "production". It names the stacks and, through
	// names.go, everything else that needs a name.
	Name string
	// Site is what a fork fills in before its first deployment.
	Site Site
	// Tags are set on every resource that takes tags.
	Tags Tags
	// Primary is where the wallet runs; Secondary is where its copies go.
	Primary, Secondary Region
	// Protected turns on termination protection of the stacks and deletion
	// protection of the load balancer, the database and the user-facing log data.
	Protected bool

	Network       Network
	Database      Database
	Cache         Cache
	Messaging     Messaging
	Storage       Storage
	Backup        Backup
	Registry      Registry
	Service       Service
	Delivery      Delivery
	Edge          Edge
	Observability Observability
	DR            DR
	Pipeline      Pipeline
}

// All is every environment of the platform, in the order in which a release goes through
// them. `go tool wallet new-env` writes the file of a new one and its line here.
func All() []Environment {
	return []Environment{
		Staging(),
		Production(),
	}
}

// StackIDs are the environment's stacks, those of the second region last. stacks builds
// exactly these (TestStagingAndProductionHoldEveryStack).
func (e Environment) StackIDs() []string {
	ids := []string{"Registry", "Network", "Global", "Data", "Messaging", "Compute", "Observability"}
	if e.DR.Mode.Copies() {
		ids = append(ids, "DR")
	}
	if e.DR.Mode == DRStandby {
		ids = append(ids, "DR-Registry", "DR-Messaging", "DR-Compute", "DR-Recovery")
	}
	return ids
}

// Tags are the cost and ownership tags of an environment.
type Tags struct {
	Owner      string // the team that answers for the resources
	CostCentre string // where finance books them
	DataClass  string // the highest class of data in the environment: "restricted" or "synthetic"
}

// walletTags name the team that a fork fills in, once.
func walletTags(class string) Tags {
	return Tags{Owner: "wallet-platform", CostCentre: "payments", DataClass: class}
}

// The classes of data.
const (
	restricted = "restricted" // customers' money and their names
	synthetic  = "synthetic"  // made up for tests
)

var (
	// What AWS takes in a tag's value.
	tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$`)
)

func validateTags(p *problems, tags Tags) {
	for _, tag := range []struct{ field, value string }{
		{"Tags.Owner", tags.Owner},
		{"Tags.CostCentre", tags.CostCentre},
	} {
		ok := tagPattern.MatchString(tag.value) && strings.TrimSpace(tag.value) == tag.value && utf8.RuneCountInString(tag.value) <= 256 && !strings.HasPrefix(strings.ToLower(tag.value), "aws:")
		p.check(ok, tag.field, tag.value, "1 to 256 letters, digits, spaces inside and _.:/=+-@, which do not start with \"aws:\"")
	}
	oneOf(p, "Tags.DataClass", tags.DataClass, restricted, synthetic)
}
