// Package calibrate measures what matrix's own client costs on this machine: against the mock in another process, with
// the load shapes and the streaming client that a launch uses. It judges no engine and keeps one file.
package calibrate
