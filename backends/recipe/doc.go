// Package recipe writes a backend's Command as a shell script that a person can
// read, run and hand on. What is in the command is the backend's; which cell it is
// of, the caller's.
// A script sets what a launch sets and takes away what a launch takes away, so that what is served is what was measured.
package recipe
