// Package results has no code of its own: it is the folder of WHAT CAME OUT. record is the vocabulary (rows, runs,
// manifests, statuses, names of metrics and columns), table their form in Arrow and Parquet, store attempts on disk,
// metrics the formulas, summary the one reader for all that draw conclusions. None of them knows an engine or runs one.
//
// By default the results themselves land under this folder too, one directory an
// experiment; git ignores them.
package results
