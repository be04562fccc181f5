// Package application is the wallet service's view of the platform: what a task
// definition tells it, read as ECS and its configuration library do, leads to the
// database, the cache and the brokers.
package application

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the environment variables of a process.
type settings map[string]string

// deepest is SmallRye Config's bound to expressions in expressions.
const deepest = 32

// get is a setting as SmallRye Config reads it: ${NAME}, and ${NAME:default}, stand for
// the value of another one, whose own expressions are expanded too; what cannot be
// expanded is an error (smallrye.io/smallrye-config, "Property Expressions").
func (s settings) get(name string) (string, error) {
	raw, ok := s[name]
	if !ok {
		return "", fmt.Errorf("%s is missing", name)
	}
	value, err := s.expand(raw, 0)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return value, nil
}

func (s settings) expand(text string, depth int) (string, error) {
	if depth > deepest {
		return "", fmt.Errorf("an expression leads in a circle")
	}
	before, rest, found := strings.Cut(text, "${")
	if !found {
		return text, nil
	}
	end := closing(rest)
	if end < 0 {
		return "", fmt.Errorf("an expression has no end")
	}
	name, fallback, defaulted := strings.Cut(rest[:end], ":")
	value, ok := s[name]
	if !ok && !defaulted {
		return "", fmt.Errorf("%s is missing", name)
	} else if !ok {
		value = fallback
	}
	value, err := s.expand(value, depth+1)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	after, err := s.expand(rest[end+1:], depth)
	return before + value + after, err
}

// closing is where an expression ends, those inside it left out.
func closing(text string) int {
	open := 1
	for i, letter := range text {
		switch letter {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// property is one of the JVM's system properties, which JAVA_OPTS_APPEND sets.
func (s settings) property(name string) (string, error) {
	options, err := s.get("JAVA_OPTS_APPEND")
	if err != nil {
		return "", err
	}
	for option := range strings.FieldsSeq(options) {
		if value, found := strings.CutPrefix(option, "-D"+name+"="); found {
			return value, nil
		}
	}
	return "", fmt.Errorf("JAVA_OPTS_APPEND: %s is missing", name)
}

// meanings say what each variable of docs/APPLICATION.md that no connection needs is
// read as; those of connections show theirs by connecting.
var meanings = map[string]func(string) error{
	"JAVA_MAX_MEM_RATIO":                          number(99),
	"QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING": exactly("true"),
	"QUARKUS_HTTP_PROXY_ALLOW_X_FORWARDED":        exactly("true"),
	"QUARKUS_SHUTDOWN_TIMEOUT":                    lasting(time.Second, 2*time.Minute), // ECS kills after two minutes at most
	"QUARKUS_DATASOURCE_REACTIVE_MAX_SIZE":        number(1000),
	"QUARKUS_DATASOURCE_WRITE_REACTIVE_MAX_SIZE":  number(1000),
	"QUARKUS_DATASOURCE_READ_REACTIVE_MAX_SIZE":   number(1000),
	"QUARKUS_HIBERNATE_ORM_DATABASE_GENERATION":   exactly("none"),
	"QUARKUS_HIBERNATE_ORM_LOG_SQL":               exactly("false"),
	"QUARKUS_REDIS_TIMEOUT":                       lasting(time.Millisecond, time.Second),
	"QUARKUS_REDIS_MAX_POOL_SIZE":                 number(1000),
	"QUARKUS_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":  endpoint,
	"QUARKUS_OTEL_SERVICE_NAME":                   exactly("wallet-service"),
	"QUARKUS_OTEL_TRACES_SAMPLER_ARG":             share,
	"QUARKUS_OTEL_RESOURCE_ATTRIBUTES":            pairs,
	"QUARKUS_LOG_CONSOLE_JSON":                    exactly("true"),
	"QUARKUS_LOG_CATEGORY__COM_WALLET__LEVEL":     exactly("INFO"),
}

func exactly(want string) func(string) error {
	return func(value string) error {
		if value != want {
			return fmt.Errorf("want %q, got %q", want, value)
		}
		return nil
	}
}

func number(most int) func(string) error {
	return func(value string) error {
		if number, err := strconv.Atoi(value); err != nil || number < 1 || number > most {
			return fmt.Errorf("want 1 to %d, got %q", most, value)
		}
		return nil
	}
}

// lasting is a duration as Quarkus reads it: a digit first stands for "PT" and the value
// (quarkus.io, "Configuration reference", "Durations").
func lasting(least, most time.Duration) func(string) error {
	return func(value string) error {
		found := regexp.MustCompile(`^(\d+)([SM])$`).FindStringSubmatch(value)
		if found == nil {
			return fmt.Errorf("want a duration such as 10S, got %q", value)
		}
		count, _ := time.ParseDuration(found[1] + strings.ToLower(found[2]))
		if count < least || count > most {
			return fmt.Errorf("want %s to %s, got %q", least, most, value)
		}
		return nil
	}
}

func share(value string) error {
	if number, err := strconv.ParseFloat(value, 64); err != nil || number <= 0 || number > 1 {
		return fmt.Errorf("want a share above 0 and up to 1, got %q", value)
	}
	return nil
}

// endpoint is where the collector in the same task listens.
func endpoint(value string) error {
	parsed, err := url.Parse(value)
	if err != nil || parsed.Scheme != "http" || parsed.Hostname() != "localhost" || parsed.Port() == "" {
		return fmt.Errorf("want http://localhost:PORT, got %q", value)
	}
	return nil
}

func pairs(value string) error {
	var names []string
	for pair := range strings.SplitSeq(value, ",") {
		name, is, found := strings.Cut(pair, "=")
		if !found || is == "" {
			return fmt.Errorf("want name=value, got %q", pair)
		}
		names = append(names, name)
	}
	for _, wanted := range []string{"service.name", "service.version", "deployment.environment"} {
		if !slices.Contains(names, wanted) {
			return fmt.Errorf("%s is missing", wanted)
		}
	}
	return nil
}

// check reads every setting that no connection needs.
func (s settings) check() []error {
	var problems []error
	for name, meaning := range meanings {
		value, err := s.get(name)
		if err == nil {
			err = meaning(value)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return problems
}
