// Package plan holds cells against the history of a results tree: what is pending and why, in which order it runs, how long
// that takes, and the file that keeps a plan for later. It starts nothing, and asks the machine only what it is.
package plan
