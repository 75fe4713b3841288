// Package experiments has no code of its own: it is the folder of WHAT to run, where users find the shipped *.hcl. cell is
// the vocabulary (cell, load, address, identity), lang reads HCL into a configuration, grid expands it into complete
// cells, dataset reads the prompts. None of them runs an engine or writes results; engines' knowledge (Check, Fit) is
// handed to them as functions. The tests here hold these packages together against whole files.
package experiments
