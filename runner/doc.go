// Package runner decides WHEN, in rooms of its own: plan holds cells against the store's history, launch makes one launch
// with a clean engine, apply runs them in order, side by side. None of them knows a file format.
package runner
