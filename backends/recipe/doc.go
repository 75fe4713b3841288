// Package recipe writes a backend's Command as a shell script that a person can
// read, run and hand on. What is in the command is the backend's; which cell it is
// of, the caller's.
package recipe
