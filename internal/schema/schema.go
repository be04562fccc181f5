// Package schema knows what CloudFormation says about the resource types of the
// platform: which properties cannot change without replacing the resource, which
// types hold state, and how a type is tagged.
//
// The facts are CloudFormation's own. schema.json is an extract of the database
// in the npm package @aws-cdk/aws-service-spec, from which CDK itself is
// generated; `make lock` renews it, and nothing else needs that package.
package schema

import (
	_ "embed" // the extract is part of every tool that asks it
	"encoding/json"
	"fmt"
)

//go:embed schema.json
var committed []byte

// Committed is the extract for the types of the platform as it is committed.
func Committed() (Types, error) { return Read(committed) }

// Types is a set of resource types, by name such as "AWS::S3::Bucket".
type Types map[string]Type

// Type is what CloudFormation says about one resource type.
type Type struct {
	// Replaces holds the properties whose change replaces the resource, with
	// dots for nesting, such as "BrokerNodeGroupInfo.ClientSubnets".
	Replaces map[string]Certainty `json:"replaces,omitempty"`
	// Stateful says that AWS counts the type among those that hold data.
	Stateful bool `json:"stateful,omitempty"`
	// Tags is the property that holds the tags; empty when the type takes none.
	Tags string `json:"tags,omitempty"`
}

// Certainty says whether a changed property always replaces the resource.
type Certainty string

// The certainties. What "maybe" depends on is in the type's documentation only.
const (
	Always Certainty = "yes"
	Maybe  Certainty = "maybe"
)

// Read parses an extract.
func Read(content []byte) (Types, error) {
	var types Types
	if err := json.Unmarshal(content, &types); err != nil {
		return nil, fmt.Errorf("the extract of CloudFormation's schemas: %w", err)
	}
	return types, nil
}
