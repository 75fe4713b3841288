package modelfile

import (
	"os"
	"sync"
	"time"
)

// headers are those already read by this process. The key holds what tells that a file was replaced, so a stale
// answer needs an edit that keeps size and time.
var headers struct {
	gguf    memo[*GGUF]
	config  memo[*Config]
	weights memo[*Weights]
}

// stamp tells one state of a file from another.
type stamp struct {
	path  string
	size  int64
	mtime time.Time // as the file system keeps it
	inode uint64    // 0 where the system has none
}

// memo keeps results by file; errors are asked again.
// Safe for concurrent use; two who ask at the same moment may both read.
type memo[T any] struct{ known sync.Map }

// read is what was read of a file before, as long as its stamp is the same. Errors are not kept: a file that was not there
// may come.
func (m *memo[T]) read(path string, read func(string) (T, error)) (T, error) {
	st, err := os.Stat(path)
	if err != nil {
		return read(path)
	}
	key := stamp{path: path, size: st.Size(), mtime: st.ModTime(), inode: inode(st)}
	if v, ok := m.known.Load(key); ok {
		return v.(T), nil
	}
	v, err := read(path)
	if err == nil {
		m.known.Store(key, v)
	}
	return v, err
}
