// Package conformance holds one suite of questions about the APIs that a drill
// calls. Its tests ask the in-process fake always, and the endpoint that
// AWS_ENDPOINT_URL names when there is one, so that the fake and the emulators
// are held to the same answers: those of AWS's documentation.
package conformance
