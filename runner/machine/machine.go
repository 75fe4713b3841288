package machine

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"time"

	"matrix/backends/process"
	"matrix/runner/gpulock"
	"matrix/runner/telemetry"
)

// Machine is what an apply asks of the computer under it; a field each, so that a test can play one.
type Machine struct {
	Files     func() (soft, hard uint64)
	Overflows func() (n int64, ok bool)            // connections that the kernel dropped at full backlogs, ever
	Leftovers func(context.Context) ([]int, error) // ends engines of dead applies; their process ids
	Quiet     func(ctx context.Context, window time.Duration) (busyCores float64)
	GPUs      func() ([]telemetry.GPU, error)
	// serves reports whether a process is, or belongs to, the server at one of the URLs on this machine.
	Serves     func(ctx context.Context, pid int, urls []string) bool
	DropCaches func() error // the whole page cache; an error where it may not
	// forgetFiles drops what is cached of files, where the whole cache may not be dropped.
	ForgetFiles func(paths []string) error
	Strain      func(context.Context) (swapUsedBytes *int64, load1 *float64)
	Blind       func() bool // there is a GPU driver that this binary cannot talk to
	Cores       int         // that this process may use
	Addresses   uint64      // bytes that a process may have of them; 0 = no limit
	LockFolder  string      // of the GPUs' locks
}

// This is the machine that we run on. Tests have others.
func This() Machine {
	return Machine{
		Files: process.RaiseFileLimit, Overflows: telemetry.ListenOverflows, Leftovers: process.KillLeftovers, Quiet: telemetry.Quiet, GPUs: telemetry.GPUs, Serves: telemetry.Serves,
		DropCaches: dropPageCache, ForgetFiles: forgetFiles, Strain: telemetry.Strain, Blind: func() bool { return telemetry.Driver() && !telemetry.Built() }, Cores: runtime.NumCPU(), Addresses: process.AddressSpace(), LockFolder: gpulock.Folder,
	}
}

// dropPageCache asks the kernel to forget what it read; it takes root and Linux.
func dropPageCache() error {
	syscall.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
}

// Pause waits, or less when ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
