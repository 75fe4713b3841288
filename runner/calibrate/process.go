package calibrate

import (
	"os"

	"github.com/shirou/gopsutil/v4/process"
)

// residentBytes is what this process holds in memory now; 0 where the machine does not say.
func residentBytes() int64 {
	memory, err := (&process.Process{Pid: int32(os.Getpid())}).MemoryInfo()
	if err != nil {
		return 0
	}
	return int64(memory.RSS)
}
