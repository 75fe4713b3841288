package store

import (
	"runtime/debug"
	"sync"
)

// A commit of many rows makes garbage as fast as it writes, and the peak of its memory is what a small host beside an
// engine must have free. Collected earlier, 200,000 rows peak at 82 MiB in place of 126, for a fifth more time.
const (
	manyRows  = 20_000
	thriftGC  = 40 // percent of what is alive; Go's default is 100
	unlimited = -1
)

// thrift counts the commits of many rows that go on at once: the setting is the process's.
var thrift struct {
	sync.Mutex
	commits, before int
}

// beThrifty collects garbage earlier until the returned function is called.
// end is called once. Few rows change nothing.
func beThrifty(rows int64) (end func()) {
	if rows < manyRows {
		return func() {}
	}
	thrift.Lock()
	defer thrift.Unlock()
	if thrift.commits++; thrift.commits == 1 {
		thrift.before = debug.SetGCPercent(thriftGC)
		if thrift.before != unlimited && thrift.before < thriftGC {
			debug.SetGCPercent(thrift.before) // whoever set it wants less still
		}
	}
	return func() {
		thrift.Lock()
		defer thrift.Unlock()
		if thrift.commits--; thrift.commits == 0 {
			debug.SetGCPercent(thrift.before)
		}
	}
}
