// Package disktest records what a program does through disk.FS and rebuilds what a
// power cut may leave behind after any prefix of it. It judges nothing.
package disktest

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"

	"matrix/results/disk"
)

// Log is the recorded operations, paths relative to Root.
type Log struct {
	Root string

	mu  sync.Mutex
	ops []disk.Op
}

// Hook records; give it to a disk.FS.
func (l *Log) Hook(op disk.Op) error {
	op.Path, op.To = l.rel(op.Path), l.rel(op.To)
	op.Data = bytes.Clone(op.Data)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op)
	return nil
}

func (l *Log) rel(path string) string {
	rel, err := filepath.Rel(l.Root, path)
	if path == "" || err != nil || strings.HasPrefix(rel, "..") {
		return ""
	}
	return rel
}

// Len is the number of operations so far.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ops)
}

// Op is operation i.
func (l *Log) Op(i int) disk.Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ops[i]
}

// Data says what became of bytes that no sync had covered.
type Data int

// The fates of unsynced bytes. A page cache may write any part of them, and a file's length before its bytes.
const (
	Kept      Data = iota // all there
	Dropped               // none there
	TornFirst             // one byte there
	TornEarly             // a quarter there
	Torn                  // the first half there
	TornLate              // three quarters there
	TornLast              // all but one byte there
	Zeroed                // the length there, the bytes zero
	HalfZero              // the length there, the second half zero
	fates                 // how many there are
)

// Cut is one way for a power cut to end things.
type Cut struct {
	After int    // operations that were done
	Data  Data   // of every file; with Seed each file has a fate of its own
	Lost  uint64 // bit i: the i-th name operation at risk never reached the disk, whatever came after it
	Seed  uint64 // 0: none
}

// Cuts lists cuts after n operations: every fate of the bytes with every name there; every prefix, every single name
// lost or kept, with the bytes there or not; and some mixtures drawn by chance, the same each time.
func (l *Log) Cuts(n, mixtures int) []Cut {
	loose, risk := unsynced(l.ops[:n]), min(len(atRisk(l.ops[:n])), 63)
	ways := 1 << min(3*loose+risk, 20) // about
	out := []Cut{{After: n}}
	if loose > 0 {
		for data := Dropped; data < fates; data++ {
			out = append(out, Cut{After: n, Data: data})
		}
	}
	all := uint64(1)<<risk - 1
	for i := range risk {
		bit := uint64(1) << i
		for _, lost := range []uint64{all &^ (bit - 1), bit, all &^ bit} {
			out = append(out, Cut{After: n, Data: Kept, Lost: lost}, Cut{After: n, Data: Dropped, Lost: lost})
		}
	}
	chance := rand.New(rand.NewPCG(uint64(n), 1))
	for range min(mixtures, 2*(ways-1)) {
		out = append(out, Cut{After: n, Lost: chance.Uint64() & all, Seed: 1 + chance.Uint64N(1<<32)})
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
