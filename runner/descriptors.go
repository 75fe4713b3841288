package runner

import (
	"fmt"

	"matrix/experiments"
)

// spareFiles is what matrix itself has open beside the requests' connections.
const spareFiles = 48

// connections is how many a cell has open at once, 0 where it does not depend on the load or cannot be told: an engine that
// takes whole batches, arrivals by a schedule.
func connections(c *experiments.Cell, planned int) int {
	switch {
	case c.Platform.Batch():
		return 0
	case c.Load.Mode == "closed":
		return min(c.Load.Concurrency, planned)
	case c.Load.Mode == "batch":
		return planned
	}
	return 1
}

// descriptors refuses a launch whose requests would run out of open files: told before it loads for minutes.
func (l *launch) descriptors() error {
	n := connections(l.cell, l.planned)
	if n == 0 || l.a.files == 0 || uint64(n+spareFiles) <= l.a.files {
		return nil
	}
	return fmt.Errorf("%s requests at once need %s open files, and this shell allows %s (ulimit -Hn): raise the limit, or set load { concurrency = %d } at most",
		thousands(int64(n)), thousands(int64(n+spareFiles)), thousands(int64(l.a.files)), max(int(l.a.files)-spareFiles, 1))
}
