//go:build !linux

package main

import "syscall"

// withUs makes a child a group of its own; only Linux ends it with this program.
func withUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
