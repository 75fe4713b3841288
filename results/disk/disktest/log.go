// Package disktest records what a program does through disk.FS and rebuilds what a
// power cut may leave behind after any prefix of it. It judges nothing.
package disktest

import (
	"bytes"
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

// The fates of unsynced bytes.
const (
	Kept    Data = iota // all there
	Dropped             // none there
	Torn                // the first half there
	Zeroed              // the length there, the bytes zero
)

// Names says what became of names (created, renamed, removed) that no sync had covered. Names are journaled:
// they survive in their order.
type Names int

// The fates of unsynced names.
const (
	AllNames Names = iota
	NoNames
	HalfNames
)

// Cut is one way for a power cut to end things.
type Cut struct {
	After int // operations that were done
	Data  Data
	Names Names
}

// Cuts lists every cut after from … to operations.
func Cuts(from, to int) []Cut {
	var out []Cut
	for n := from; n <= to; n++ {
		for _, data := range []Data{Kept, Dropped, Torn, Zeroed} {
			for _, names := range []Names{AllNames, NoNames, HalfNames} {
				out = append(out, Cut{n, data, names})
			}
		}
	}
	return out
}
