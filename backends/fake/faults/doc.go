// Package faults is a server that misbehaves in one chosen way, in any of the
// protocols that package wire reads, with the ending that a client must report.
// It is a fixture for tests and talks bare TCP, since net/http would not let it
// break the rules. It contains no client.
package faults
