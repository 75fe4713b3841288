package process

import (
	"fmt"
	"net"
	"syscall"
)

// RaiseFileLimit lifts the limit of open files to what is allowed, here and in
// what is started from now on (to 2^20 at most: old programs walk all possible
// descriptors), and returns the limits that hold then.
func RaiseFileLimit() (soft, hard uint64) {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0, 0
	}
	// Setting it even when it is high already: Go raises it by itself but gives children the old one.
	raised := syscall.Rlimit{Cur: max(l.Cur, min(l.Max, 1<<20)), Max: l.Max}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		l = raised
	}
	return l.Cur, l.Max
}

// AddressSpace is what this shell lets a process have of addresses (ulimit -v), in bytes, and so each engine; 0 = no limit.
func AddressSpace() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &l) != nil || l.Cur > 1<<62 {
		return 0
	}
	return l.Cur
}

// FreePort picks a loopback TCP port that nobody listens on now. Another process
// may take it before its user binds it, so an engine must still be proven ours.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// PortFree reports whether a loopback TCP port can be listened on.
func PortFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// ChoosePort is a declared port, which must be free, or with 0 a free one.
func ChoosePort(declared int) (int, error) {
	if declared == 0 {
		return FreePort()
	}
	if !PortFree(declared) {
		return 0, fmt.Errorf("port %d on 127.0.0.1 is taken", declared)
	}
	return declared, nil
}

// CPUSeconds is what this process has used of the processor so far, user and system; 0 where the kernel does not say.
func CPUSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
