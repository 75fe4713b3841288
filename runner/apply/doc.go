// Package apply runs the launches of a plan: it locks the tree and the GPUs, hands GPUs out to launches side by side, lets
// cells share servers, and keeps the board that other terminals read.
package apply
