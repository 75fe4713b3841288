// Package runner decides WHEN: it holds cells against the store's history (Plan),
// and runs the pending launches one clean engine at a time (Apply): order,
// isolation, load, telemetry. It knows no engine by name and no file format.
package runner
