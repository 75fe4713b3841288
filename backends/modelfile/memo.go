package modelfile

import (
	"fmt"
	"sync"
)

// headers are those already read by this process. The key holds what tells that a file was replaced, so a stale
// answer needs an edit that keeps size and time.
var headers struct {
	gguf    memo[*GGUF]
	config  memo[*Config]
	weights memo[*Weights]
}

// memo keeps results by the stamps of what they were read from; errors are asked again.
// Safe for concurrent use; two who ask at the same moment may both read.
type memo[T any] struct{ known sync.Map }

// read is what was read of a path before, as long as the stamps of all these files are the same. Errors are not kept: a
// file that was not there may come.
func (m *memo[T]) read(path string, read func(string) (T, error), files ...string) (T, error) {
	key := ""
	for _, file := range files {
		st, err := stampOf(file)
		if err != nil {
			return read(path)
		}
		key += fmt.Sprintf("%+v\n", st)
	}
	if v, ok := m.known.Load(key); ok {
		return v.(T), nil
	}
	v, err := read(path)
	if err == nil {
		m.known.Store(key, v)
	}
	return v, err
}
