package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// The context keys that a person may give, as in `cdk synth -c env=staging`.
const (
	contextEnv      = "env"      // build this environment alone
	contextImageTag = "imageTag" // deploy this image instead of config's
)

// toolContext are the plain context keys that the CDK CLI itself keeps.
var toolContext = []string{"acknowledged-issue-numbers", "cli-telemetry"}

// Choice is what a run of the app asks for.
type Choice struct {
	Env      string // an environment's name; empty means all
	ImageTag string // overrides Site.ImageTag; empty means config's
}

// ReadContext collects the context of a run: the feature flags of the cdk.json
// at path, then what the CDK CLI passes in the process environment, then
// arguments of the form "key=value". It fails on a file or a value that it
// cannot read.
func ReadContext(path string, arguments []string) (map[string]any, error) {
	context, err := readFlags(path)
	if err != nil {
		return nil, err
	}
	passed, err := readCLIContext()
	if err != nil {
		return nil, err
	}
	maps.Copy(context, passed)
	var problems []error
	for _, argument := range arguments {
		key, value, ok := strings.Cut(argument, "=")
		if !ok {
			problems = append(problems, fmt.Errorf("context: want key=value, got %q", argument))
			continue
		}
		context[key] = value
	}
	return context, errors.Join(problems...)
}

// readFlags reads what the CLI would take from cdk.json, so that a direct run
// and a test build the templates that are deployed.
func readFlags(path string) (map[string]any, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the feature flags cannot be read (run the app in the repository's root): %w", err)
	}
	var file struct {
		Context      map[string]any `json:"context"`
		PathMetadata bool           `json:"pathMetadata"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("%s: want a JSON object whose context holds the feature flags: %w", path, err)
	}
	if file.Context == nil {
		return nil, fmt.Errorf("%s: context: want the feature flags, got none", path)
	}
	// The CLI turns this setting into a reserved context key, which it would
	// complain about in the file.
	if file.PathMetadata {
		file.Context["aws:cdk:enable-path-metadata"] = true
	}
	return file.Context, nil
}

// readCLIContext reads what the CDK CLI hands to the app: the context in one
// environment variable, and its rest in a file when it is too large for one.
func readCLIContext() (map[string]any, error) {
	context := map[string]any{}
	if inline := os.Getenv("CDK_CONTEXT_JSON"); inline != "" {
		if err := json.Unmarshal([]byte(inline), &context); err != nil {
			return nil, fmt.Errorf("CDK_CONTEXT_JSON: want a JSON object: %w", err)
		}
	}
	if path := os.Getenv("CONTEXT_OVERFLOW_LOCATION_ENV"); path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("the CDK CLI's context cannot be read: %w", err)
		}
		if err := json.Unmarshal(content, &context); err != nil {
			return nil, fmt.Errorf("%s: want a JSON object: %w", path, err)
		}
	}
	return context, nil
}

// ReadChoice takes the choice out of the context. It fails on every plain key
// that it does not know, because a misspelt one would deploy something else
// than was asked for; keys of CDK's own have a ":" or start with "@".
func ReadChoice(context map[string]any) (Choice, error) {
	var choice Choice
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(context)) {
		value, isText := context[key].(string)
		switch {
		case strings.HasPrefix(key, "@"), strings.Contains(key, ":"), slices.Contains(toolContext, key):
			continue
		case key == contextEnv && isText && value != "":
			choice.Env = value
		case key == contextImageTag && isText && value != "":
			choice.ImageTag = value
		case key == contextEnv, key == contextImageTag:
			problems = append(problems, fmt.Errorf("context %s: want a text that is not empty, got %#v", key, context[key]))
		default:
			problems = append(problems, fmt.Errorf("context %s: unknown key (known: %s, %s)", key, contextEnv, contextImageTag))
		}
	}
	return choice, errors.Join(problems...)
}

// Select returns the environments that the choice asks for, validated. It fails
// on an unknown environment and reports every problem of every environment at
// once.
func Select(all []Environment, choice Choice) ([]Environment, error) {
	var selected []Environment
	var names []string
	for _, env := range all {
		names = append(names, env.Name)
		if choice.Env == "" || choice.Env == env.Name {
			if choice.ImageTag != "" {
				env.Site.ImageTag = choice.ImageTag
			}
			selected = append(selected, env)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("context %s: unknown environment %q (known: %s)", contextEnv, choice.Env, strings.Join(names, ", "))
	}
	var problems []error
	for _, env := range selected {
		problems = append(problems, env.Validate())
	}
	problems = append(problems, validateTogether(all))
	return selected, errors.Join(problems...)
}
