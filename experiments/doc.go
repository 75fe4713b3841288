// Package experiments owns WHAT to run: the HCL language, its diagnostics, the
// expansion of an experiment into complete cells, and a cell's address and
// identity. It knows no engine, runs nothing and writes no results; engines'
// knowledge (Check, Fit) is handed to it as functions.
package experiments
