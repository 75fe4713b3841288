package main

import "syscall"

// withUs makes a child a group of its own that the kernel ends with this program.
func withUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
