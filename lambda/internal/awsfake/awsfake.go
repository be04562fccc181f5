// Package awsfake is the parts of AWS that the functions call, for their tests: as
// late, as repetitive and as divided into pages as AWS's documentation says that they
// are. Each rule names its page.
package awsfake

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/smithy-go"
)

// Fault is how a call goes wrong.
type Fault int

// The ways in which a call goes wrong.
const (
	None Fault = iota
	// Throttled: the service refused, and nothing changed (CommonErrors of each API).
	Throttled
	// Lost: the service did it, and the answer did not arrive.
	Lost
	// Denied: the permission is missing, or seconds old.
	Denied
)

// errLost is what a client sees of an answer that did not arrive.
var errLost = errors.New("the connection was reset")

// Calls counts what the functions ask, and breaks one call of a run. The zero value
// breaks nothing.
type Calls struct {
	// Log are the operations, in their order.
	Log []string
	// Break says what becomes of the n-th call, from 0.
	Break func(n int, operation string) Fault
}

// lost is an error for which [errors.Is] finds no refusal, and which may pass.
type lost struct{ operation string }

func (l lost) Error() string { return l.operation + ": " + errLost.Error() }
func (lost) Passing() bool   { return true }

// do counts a call and lets it happen, or not.
func (c *Calls) do(operation string, happen func() error) error {
	fault := None
	if c.Break != nil {
		fault = c.Break(len(c.Log), operation)
	}
	c.Log = append(c.Log, operation)
	switch fault {
	case None:
	case Throttled:
		return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	case Denied:
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized to perform: " + operation}
	case Lost:
		if err := happen(); err != nil {
			return err
		}
		return lost{operation}
	}
	return happen()
}

// Count is how often an operation was called.
func (c *Calls) Count(operation string) int {
	count := 0
	for _, each := range c.Log {
		if each == operation {
			count++
		}
	}
	return count
}

// Once breaks the n-th call and no other.
func Once(n int, fault Fault) func(int, string) Fault {
	return func(call int, _ string) Fault {
		if call == n {
			return fault
		}
		return None
	}
}

// Always breaks every call of the operations.
func Always(fault Fault, operations ...string) func(int, string) Fault {
	return func(_ int, operation string) Fault {
		if slices.Contains(operations, operation) {
			return fault
		}
		return None
	}
}

// page returns a part of a list and the token of the next one.
func page[T any](all []T, token *string, size int) ([]T, *string) {
	begin := 0
	if token != nil {
		_, _ = fmt.Sscan(*token, &begin)
	}
	end := min(begin+size, len(all))
	if end == len(all) {
		return all[begin:end], nil
	}
	return all[begin:end], new(fmt.Sprint(end))
}
