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

// Batches that wait to be written; an append that makes one more waits for the disk.
const spoolWaiting = 4

// rowSpool is one table on its way to disk: rows gather in a batch, a batch becomes one frame. The frames'
// payloads joined are one Arrow IPC stream: the schema stands in the first frame only. An append does not touch the
// disk: what waits is written by who syncs, once a second or when kicked.
type rowSpool[R any] struct {
	cols   []column[R]
	size   func(*R) int // bytes of text in a row; nil: rows are small
	before func() error // must have succeeded before a batch is written; nil: nothing to do
	kick   chan struct{}

	mu      sync.Mutex // guards what gathers
	build   *array.RecordBuilder
	rows    int
	bytes   int
	waiting []arrow.RecordBatch
	err     error

	disk    sync.Mutex // guards what is written; taken before mu
	payload bytes.Buffer
	out     *ipc.Writer
	frame   []byte
	file    *disk.File
	dirty   bool // written since the last sync
}

func createSpool[R any](fs *disk.FS, path string, cols []column[R], size func(*R) int) (*rowSpool[R], error) {
	file, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	schema := arrow.NewSchema(fieldsOf(cols), nil)
	s := &rowSpool[R]{cols: cols, size: size, file: file, dirty: true, kick: make(chan struct{}, 1),
		build: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
	s.out = ipc.NewWriter(&s.payload, ipc.WithSchema(schema))
	if _, err := file.Write([]byte(spool.Magic)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (s *rowSpool[R]) append(rows ...R) error {
	waiting, err := s.gather(rows)
	if err == nil && waiting >= spoolWaiting {
		return s.write()
	}
	return err
}

func (s *rowSpool[R]) gather(rows []R) (waiting int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range rows {
		if s.err != nil {
			return 0, s.err
		}
		for c, col := range s.cols {
			col.put(s.build.Field(c), &rows[i])
		}
		s.rows++
		if s.size != nil {
			s.bytes += s.size(&rows[i])
		}
		if s.rows >= spoolRows || s.bytes >= spoolBytes {
			s.cut()
			select {
			case s.kick <- struct{}{}:
			default: // it is kicked already
			}
		}
	}
	return len(s.waiting), s.err
}

// cut ends the batch. The caller holds mu.
func (s *rowSpool[R]) cut() {
	if s.rows > 0 {
		s.waiting = append(s.waiting, s.build.NewRecordBatch())
		s.rows, s.bytes = 0, 0
	}
}

// write writes what has gathered, durable or not.
func (s *rowSpool[R]) write() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.flush()
}

// flush writes what has gathered, a frame each batch. An error stays: what follows a lost batch would hide the loss.
// The caller holds disk.
func (s *rowSpool[R]) flush() error {
	s.mu.Lock()
	s.cut()
	batches, err := s.waiting, s.err
	s.waiting = nil
	s.mu.Unlock()
	if len(batches) == 0 || err != nil {
		return err
	}
	if s.before != nil {
		err = s.before()
	}
	for _, batch := range batches {
		if err == nil {
			err = s.writeFrame(batch)
		}
		batch.Release()
	}
	return s.keep(err)
}

func (s *rowSpool[R]) writeFrame(batch arrow.RecordBatch) (err error) {
	s.payload.Reset()
	if err := s.out.Write(batch); err != nil {
		return err
	}
	if s.frame, err = spool.AppendFrame(s.frame[:0], s.payload.Bytes()); err != nil {
		return err
	}
	s.dirty = true
	_, err = s.file.Write(s.frame)
	return err
}

// keep remembers a failure, so that it comes out of the next append.
func (s *rowSpool[R]) keep(err error) error {
	if err != nil {
		s.mu.Lock()
		s.err = errors.Join(s.err, err)
		s.mu.Unlock()
	}
	return err
}

// sync writes what has gathered and makes it durable. A slow disk holds up no append.
func (s *rowSpool[R]) sync() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if err := s.flush(); err != nil || !s.dirty {
		return err
	}
	s.dirty = false
	return s.keep(s.file.Sync())
}

func (s *rowSpool[R]) close() error {
	err := s.sync()
	s.disk.Lock()
	defer s.disk.Unlock()
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
	f, err := disk.Open(path)
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

// wholeBytes is how much of a spool can be read back; 0 when there is none.
func wholeBytes(path string) int64 {
	f, err := disk.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	for r := spool.NewReader(f); ; {
		if _, err := r.Next(); err != nil {
			return r.Good()
		}
	}
}
