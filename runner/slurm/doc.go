// Package slurm spreads a plan's launches over a Slurm cluster: it submits them as job arrays, looks after them until each
// is committed, and is what a task does on its node. Slurm's memory is not trusted: what lies in the results tree is the
// record, and a launch that no job is known of is submitted again. It knows no engine.
//
// A run has a folder below .matrix/cluster:
//
//	lease/              who submits and watches (results/claim)
//	<run>/plan          the saved plan
//	<run>/groups.jsonl  one line a launch group: what one array task runs
//	<run>/claims/<key>/ one a launch: its owner, and the work in progress
//	<run>/done/<key>    one a launch that is committed: which attempt, how it ended
//	<run>/logs/         what the tasks printed
package slurm
