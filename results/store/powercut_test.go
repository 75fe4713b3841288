// What a program does through disk.FS is recorded here, and what a power cut may leave behind after any prefix of it is
// rebuilt. Nothing here judges it.

package store

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"

	"matrix/results/disk"
)

// diskLog is the recorded operations, paths relative to Root.
type diskLog struct {
	Root string

	mu  sync.Mutex
	ops []disk.Op
}

// Hook records; give it to a disk.FS.
func (l *diskLog) Hook(op disk.Op) error {
	op.Path, op.To = l.rel(op.Path), l.rel(op.To)
	op.Data = bytes.Clone(op.Data)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op)
	return nil
}

func (l *diskLog) rel(path string) string {
	rel, err := filepath.Rel(l.Root, path)
	if path == "" || err != nil || strings.HasPrefix(rel, "..") {
		return ""
	}
	return rel
}

// Len is the number of operations so far.
func (l *diskLog) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ops)
}

// Op is operation i.
func (l *diskLog) Op(i int) disk.Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ops[i]
}

// byteFate says what became of bytes that no sync had covered.
type byteFate int

// The fates of unsynced bytes. A page cache may write any part of them, and a file's length before its bytes.
const (
	bytesKept      byteFate = iota // all there
	bytesDropped                   // none there
	bytesTornFirst                 // one byte there
	bytesTornEarly                 // a quarter there
	bytesTorn                      // the first half there
	bytesTornLate                  // three quarters there
	bytesTornLast                  // all but one byte there
	bytesZeroed                    // the length there, the bytes zero
	bytesHalfZero                  // the length there, the second half zero
	fates                          // how many there are
)

// powerCut is one way for a power cut to end things.
type powerCut struct {
	After int      // operations that were done
	Data  byteFate // of every file; with Seed each file has a fate of its own
	Lost  uint64   // bit i: the i-th name operation at risk never reached the disk, whatever came after it
	Seed  uint64   // 0: none
}

// Cuts lists cuts after n operations: every fate of the bytes with every name there; every prefix, every single name
// lost or kept, with the bytes there or not; and some mixtures drawn by chance, the same each time.
func (l *diskLog) Cuts(n, mixtures int) []powerCut {
	loose, risk := unsynced(l.ops[:n]), min(len(atRisk(l.ops[:n])), 63)
	ways := 1 << min(3*loose+risk, 20) // about
	out := []powerCut{{After: n}}
	if loose > 0 {
		for data := bytesDropped; data < fates; data++ {
			out = append(out, powerCut{After: n, Data: data})
		}
	}
	all := uint64(1)<<risk - 1
	for i := range risk {
		bit := uint64(1) << i
		for _, lost := range []uint64{all &^ (bit - 1), bit, all &^ bit} {
			out = append(out, powerCut{After: n, Data: bytesKept, Lost: lost}, powerCut{After: n, Data: bytesDropped, Lost: lost})
		}
	}
	chance := rand.New(rand.NewPCG(uint64(n), 1))
	for range min(mixtures, 2*(ways-1)) {
		out = append(out, powerCut{After: n, Lost: chance.Uint64() & all, Seed: 1 + chance.Uint64N(1<<32)})
	}
	return out
}

// unsynced is how many files have bytes that no sync covers, at most.
func unsynced(ops []disk.Op) int {
	loose := map[string]bool{}
	for _, op := range ops {
		switch op.Kind {
		case disk.Write:
			loose[op.Path] = true
		case disk.Sync:
			delete(loose, op.Path)
		case disk.Rename:
			if loose[op.Path] {
				loose[op.To] = true
			}
			delete(loose, op.Path)
		case disk.Remove:
			for path := range loose {
				if path == op.Path || strings.HasPrefix(path, op.Path+string(filepath.Separator)) {
					delete(loose, path)
				}
			}
		}
	}
	return len(loose)
}

// atRisk are the operations on names that no sync of a folder covers yet. One of a rename's two folders is enough:
// a rename is one entry in a journal.
func atRisk(ops []disk.Op) []int {
	synced := map[string]int{} // folder → its last sync
	for i, op := range ops {
		if op.Kind == disk.SyncDir {
			synced[op.Path] = i
		}
	}
	durable := func(i int, path string) bool { at, ok := synced[filepath.Dir(path)]; return ok && at > i }
	var out []int
	for i, op := range ops {
		switch op.Kind {
		case disk.Create, disk.Mkdir, disk.Remove, disk.Rename:
			if !durable(i, op.Path) && (op.Kind != disk.Rename || !durable(i, op.To)) {
				out = append(out, i)
			}
		}
	}
	return out
}
