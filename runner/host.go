package runner

import (
	"context"
	"os"
	"strings"
	"syscall"
	"time"

	"matrix/backends/process"
	"matrix/runner/gpulock"
	"matrix/runner/telemetry"
)

// machine is what an apply asks of the computer under it; a field each, so that a test can play one.
type machine struct {
	files     func() (soft, hard uint64)
	overflows func() (n int64, ok bool) // connections that the kernel dropped at full backlogs, ever
	leftovers func(context.Context) ([]int, error)
	quiet     func(ctx context.Context, window time.Duration) (busyCores float64)
	gpus      func() ([]telemetry.GPU, error)
	// serves reports whether a process is, or belongs to, the server at one of the URLs on this machine.
	serves     func(ctx context.Context, pid int, urls []string) bool
	dropCaches func() error
	// forgetFiles drops what is cached of files, where the whole cache may not be dropped.
	forgetFiles func(paths []string) error
	strain      func(context.Context) (swapUsedBytes *int64, load1 *float64)
	blind       func() bool // there is a GPU driver that this binary cannot talk to
	cores       int
	lockFolder  string // of the GPUs' locks
}

func thisMachine() machine {
	return machine{
		files: process.RaiseFileLimit, overflows: telemetry.ListenOverflows, leftovers: process.KillLeftovers, quiet: telemetry.Quiet, gpus: telemetry.GPUs, serves: telemetry.Serves,
		dropCaches: dropPageCache, forgetFiles: forgetFiles, strain: telemetry.Strain, blind: func() bool { return telemetry.Driver() && !telemetry.Built() }, cores: cores(), lockFolder: gpulock.Folder,
	}
}

// dropPageCache asks the kernel to forget what it read; it takes root and Linux.
func dropPageCache() error {
	syscall.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
}

// cpuSeconds is what this process has used of the CPU, user and system.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

// tailLines and tailBytes bound what is shown of an engine's log.
const (
	tailLines = 20
	tailBytes = 8 << 10
)

// logTail reads the last lines of a log; "" where there is none.
func logTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	text := make([]byte, min(info.Size(), tailBytes))
	n, _ := f.ReadAt(text, info.Size()-int64(len(text))) // a shorter tail is still a tail
	lines := strings.Split(strings.TrimRight(string(text[:n]), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
