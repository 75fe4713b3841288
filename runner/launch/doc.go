// Package launch makes one try at one launch: the drained machine, the engine from its start to its stop, the warm-up, the
// measured phase, the attempt that is committed. It ends in one way, with an Outcome. Which launch is made where and when is
// not decided here.
//
// Three parts, each of which knows only those before it: the journal writes down, the engine runs, warm-up and measurement ask.
package launch
