// Package ledger sees to it that each request of a phase ends as exactly one row, and counts how they ended. It knows no
// file, and no engine.
package ledger
