// Package results is the door of WHAT CAME OUT: names of the rooms below it, for those who came in when they were one
// package. record is the vocabulary (rows, runs, manifests, statuses, names of metrics and columns), table their form in
// Arrow and Parquet, store attempts on disk, metrics the formulas. New code names the room itself. None of them knows an
// engine or runs one.
//
// By default the results themselves land under this folder too, one directory an
// experiment; git ignores them.
package results
