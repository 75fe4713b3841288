//go:build !linux

// Command scale measures a process's peak memory as Linux tells it.
package main

import "log"

func main() { log.Fatal("scale needs Linux") }
