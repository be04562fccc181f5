package stacks

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

// Synthesize builds, and turns the panic by which jsii reports a refused template into
// an error that a person can read. A mistake in this program stays a panic.
func Synthesize(build func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case runtime.Error:
			panic(cause) // a mistake in this program: its trace is what finds it
		case error:
			err = plainError(cause.Error())
		case string:
			err = plainError(cause)
		default:
			panic(cause)
		}
	}()
	build()
	return nil
}

// jsFrame is a line of a JavaScript stack trace.
var jsFrame = regexp.MustCompile(`^\s+at .+:\d+:\d+\)?\s*$`)

// plainError drops the JavaScript stack from a message of the CDK library.
func plainError(message string) error {
	var kept []string
	for line := range strings.Lines(message) {
		if !jsFrame.MatchString(line) {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	if strings.TrimSpace(message) == "" {
		return errors.New("the CDK library failed without a message")
	}
	return fmt.Errorf("synthesis failed: %s", strings.Join(kept, "\n"))
}
