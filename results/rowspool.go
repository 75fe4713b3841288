package results

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"matrix/results/disk"
	"matrix/results/spool"
)

// A batch goes to the file at spoolRows rows or spoolBytes of text, or after a second.
const (
	spoolRows  = 8192
	spoolBytes = 4 << 20
)

// rowSpool is one table on its way to disk: rows gather in a batch, a batch becomes one frame. The frames'
// payloads joined are one Arrow IPC stream: the schema stands in the first frame only.
type rowSpool[R any] struct {
	cols   []column[R]
	size   func(*R) int // bytes of text in a row; nil: rows are small
	before func()       // called before a batch is written; nil: nothing to do

	mu      sync.Mutex // guards all below
	build   *array.RecordBuilder
	rows    int
	bytes   int
	payload bytes.Buffer
	out     *ipc.Writer
	frame   []byte
	file    *disk.File
	dirty   bool // written since the last sync
	err     error
}

func createSpool[R any](fs *disk.FS, path string, cols []column[R], size func(*R) int) (*rowSpool[R], error) {
	file, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	schema := arrow.NewSchema(fieldsOf(cols), nil)
	s := &rowSpool[R]{cols: cols, size: size, file: file, dirty: true,
		build: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
	s.out = ipc.NewWriter(&s.payload, ipc.WithSchema(schema))
	if _, err := file.Write([]byte(spool.Magic)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (s *rowSpool[R]) append(rows ...R) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		if s.err != nil {
			return s.err
		}
		for c, col := range s.cols {
			col.put(s.build.Field(c), &rows[i])
		}
		s.rows++
		if s.size != nil {
			s.bytes += s.size(&rows[i])
		}
		if s.rows >= spoolRows || s.bytes >= spoolBytes {
			s.flush()
		}
	}
	return s.err
}

// flush writes the batch as one frame. An error stays: what follows a lost batch would hide the loss.
func (s *rowSpool[R]) flush() {
	if s.rows == 0 || s.err != nil {
		return
	}
	if s.before != nil {
		s.before()
	}
	batch := s.build.NewRecordBatch()
	defer batch.Release()
	s.rows, s.bytes = 0, 0
	s.payload.Reset()
	if s.err = s.out.Write(batch); s.err != nil {
		return
	}
	if s.frame, s.err = spool.AppendFrame(s.frame[:0], s.payload.Bytes()); s.err != nil {
		return
	}
	_, s.err = s.file.Write(s.frame)
	s.dirty = true
}

// flushNow writes what has gathered. Its error comes out of the next append.
func (s *rowSpool[R]) flushNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
}

// sync writes what has gathered and makes it durable. Only one goroutine may call it at a time.
func (s *rowSpool[R]) sync() error {
	s.mu.Lock()
	s.flush()
	dirty, err := s.dirty, s.err
	s.dirty = false
	s.mu.Unlock()
	if err != nil || !dirty {
		return err
	}
	// Outside the lock: a slow disk must not hold up the requests.
	if err := s.file.Sync(); err != nil {
		s.mu.Lock()
		s.err = errors.Join(s.err, err)
		s.mu.Unlock()
		return err
	}
	return nil
}

func (s *rowSpool[R]) close() error {
	err := s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.build.Release()
	s.err = errors.Join(s.err, errClosed)
	return errors.Join(err, s.file.Close())
}

var errClosed = errors.New("the attempt is closed")

// readSpool calls each for the batches of a spool up to its first bad frame, and reports whether it was
// cut there. A missing file is an empty one.
func readSpool(path string, each func(arrow.RecordBatch) error) (cut bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read spool %s: damaged: %v", path, r)
		}
	}()
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	stream := spool.NewStream(spool.NewReader(f))
	if empty, err := stream.Empty(); empty || err != nil {
		return stream.Cut(), err
	}
	r, err := ipc.NewReader(stream, ipc.WithDelayReadSchema(true))
	if err != nil {
		return false, fmt.Errorf("read spool %s: %w", path, err)
	}
	defer r.Release()
	for r.Next() {
		if err := each(r.RecordBatch()); err != nil {
			return stream.Cut(), err
		}
	}
	if err := r.Err(); err != nil && !stream.Cut() {
		return false, fmt.Errorf("read spool %s: %w", path, err)
	}
	return stream.Cut(), nil
}
