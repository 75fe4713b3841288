// Package results owns WHAT CAME OUT: the Parquet tables, the store on disk with
// its commit by rename, and the metrics. It knows no engine and never runs one.
//
// By default the results themselves land under this folder too, one directory an
// experiment; git ignores them.
package results
