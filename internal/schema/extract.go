package schema

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Database is where npm installs the full database, from the repository's root.
const Database = "node_modules/@aws-cdk/aws-service-spec/db.json.gz"

// Extract reads the given types from the database at path. A type that CloudFormation
// does not know, such as a custom resource, is left out: nobody knows what replaces it.
func Extract(path string, names []string) (Types, error) {
	all, err := open(path)
	if err != nil {
		return nil, err
	}
	types := Types{}
	for _, name := range names {
		if _, known := all.resources[name]; known {
			types[name] = all.extract(name)
		}
	}
	return types, nil
}

// database is the part of the database's form that matters here.
type database struct {
	resources   map[string]resource   // by CloudFormation type
	definitions map[string]definition // by the database's own ID
}

type resource struct {
	Name           string              `json:"cloudFormationType"`
	Properties     map[string]property `json:"properties"`
	IsStateful     bool                `json:"isStateful"`
	TagInformation struct {
		Property string `json:"tagPropertyName"`
	} `json:"tagInformation"`
}

type definition struct {
	ID         string              `json:"$id"`
	Properties map[string]property `json:"properties"`
}

type property struct {
	CausesReplacement string `json:"causesReplacement"`
	Type              form   `json:"type"`
}

// form is the shape of a property's value. Only objects and lists of them lead
// to further properties.
type form struct {
	Type      string `json:"type"`
	Reference struct {
		ID string `json:"$ref"`
	} `json:"reference"`
	Element struct {
		Type      string `json:"type"`
		Reference struct {
			ID string `json:"$ref"`
		} `json:"reference"`
	} `json:"element"`
}

func open(path string) (database, error) {
	file, err := os.Open(path)
	if err != nil {
		return database{}, fmt.Errorf("CloudFormation's schemas (run npm ci): %w", err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return database{}, fmt.Errorf("%s: %w", path, err)
	}
	var content struct {
		Schema struct {
			Resource struct {
				Entities []resource `json:"entities"`
			} `json:"resource"`
			Definition struct {
				Entities []definition `json:"entities"`
			} `json:"typeDefinition"`
		} `json:"schema"`
	}
	if err := json.NewDecoder(plain).Decode(&content); err != nil {
		return database{}, fmt.Errorf("%s: %w", path, err)
	}
	read := database{resources: map[string]resource{}, definitions: map[string]definition{}}
	for _, entity := range content.Schema.Resource.Entities {
		read.resources[entity.Name] = entity
	}
	for _, entity := range content.Schema.Definition.Entities {
		read.definitions[entity.ID] = entity
	}
	return read, nil
}

func (d database) extract(name string) Type {
	found := d.resources[name]
	extracted := Type{
		Replaces: map[string]Certainty{},
		Stateful: found.IsStateful,
		Tags:     found.TagInformation.Property,
	}
	d.collect(extracted.Replaces, found.Properties, nil)
	return extracted
}

// collect adds the replacing properties below a path. A property whose change
// replaces in any case hides those inside it.
func (d database) collect(into map[string]Certainty, properties map[string]property, path []string) {
	const deepest = 6 // some types contain themselves
	if len(path) > deepest {
		return
	}
	for name, p := range properties {
		below := append(append([]string{}, path...), name)
		certainty := Certainty(p.CausesReplacement)
		if certainty == Always || certainty == Maybe {
			into[strings.Join(below, ".")] = certainty
		}
		if certainty == Always {
			continue
		}
		for _, id := range []string{p.Type.Reference.ID, p.Type.Element.Reference.ID} {
			d.collect(into, d.definitions[id].Properties, below)
		}
	}
}
