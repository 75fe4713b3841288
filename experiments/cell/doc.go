// Package cell is the vocabulary of WHAT to run: a cell with its settings, its address and its identity. Every other
// package may import it; it imports none of them, reads no file and knows no engine.
package cell
