// Package drill rehearses the loss of a region. It builds the two regions'
// resources from the synthesized templates at an AWS-compatible endpoint on this
// machine, blocks the primary region, acts the steps of the synthesized Region
// switch plan through the AWS SDK, checks the end state, and fails back; it does
// the same with faults, and writes down what it saw.
//
// What such a rehearsal cannot prove is said in each report ([NotProven]).
// Against an account the package acts nothing: there it starts the real plan and
// follows it ([Follow]).
package drill
