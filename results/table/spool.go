package table

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
	"matrix/results/record"
	"matrix/results/spool"
)

// A batch goes to the file at spoolRows rows or spoolBytes of text, or after a second.
const (
	spoolRows  = 8192
	spoolBytes = 4 << 20
)

// Batches that wait to be written; an append that makes one more waits for the disk.
// 32,768 rows or 16 MB of text at most.
const spoolWaiting = 4

// Spool is one table on its way to disk: rows gather in a batch, a batch becomes one frame. The frames'
// payloads joined are one Arrow IPC stream: the schema stands in the first frame only. An append does not touch the
// disk: what waits is written by who syncs, once a second or when kicked.
// Safe for concurrent use. Close it, also after an error.
type Spool[R any] struct {
	cols   []column[R]
	size   func(*R) int  // bytes of text in a row; nil: rows are small
	before func() error  // must have succeeded before a batch is written; nil: nothing to do
	Kick   chan struct{} // says that a batch waits; whoever syncs listens

	mu      sync.Mutex           // guards what gathers
	build   *array.RecordBuilder // of the batch that gathers
	rows    int                  // in it
	bytes   int                  // of text in it
	waiting []arrow.RecordBatch  // full ones, oldest first
	err     error                // the first failure: nothing is taken after it

	disk    sync.Mutex   // guards what is written; taken before mu
	payload bytes.Buffer // of the frame at hand; the stream is written into it
	out     *ipc.Writer
	frame   []byte // used again
	file    *disk.File
	dirty   bool // written since the last sync
}

// SpoolRequests begins a spool of request rows. before must have succeeded before a batch is written.
// The file is made anew; it is not durable until the first Sync, and its folder is the caller's to sync.
func SpoolRequests(fs *disk.FS, path string, before func() error) (*Spool[record.RequestRow], error) {
	return createSpool(fs, path, requestColumns, func(r *record.RequestRow) int { return 8 * len(r.ChunkGapsS) }, before)
}

// SpoolOutputs begins a spool of answers.
// Batches end by bytes here: one answer may be a megabyte.
func SpoolOutputs(fs *disk.FS, path string) (*Spool[record.OutputRow], error) {
	return createSpool(fs, path, outputColumns, func(r *record.OutputRow) int { return len(r.Text) }, nil)
}

// SpoolSamples begins a spool of telemetry.
// As SpoolRequests, without anything to wait for.
func SpoolSamples(fs *disk.FS, path string) (*Spool[record.SampleRow], error) {
	return createSpool(fs, path, sampleColumns, nil, nil)
}

func createSpool[R any](fs *disk.FS, path string, cols []column[R], size func(*R) int, before func() error) (*Spool[R], error) {
	file, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	schema := arrow.NewSchema(fieldsOf(specsOf(cols)), nil)
	s := &Spool[R]{cols: cols, size: size, before: before, file: file, dirty: true, Kick: make(chan struct{}, 1),
		build: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
	s.out = ipc.NewWriter(&s.payload, ipc.WithSchema(schema))
	if _, err := file.Write([]byte(spool.Magic)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// Append adds rows; it waits for the disk only when many batches do. An error means that rows are lost.
// Rows are copied into the batch; the caller may use them again.
func (s *Spool[R]) Append(rows ...R) error {
	waiting, err := s.gather(rows)
	if err == nil && waiting >= spoolWaiting {
		return s.Write()
	}
	return err
}

func (s *Spool[R]) gather(rows []R) (waiting int, err error) {
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
			case s.Kick <- struct{}{}:
			default: // it is kicked already
			}
		}
	}
	return len(s.waiting), s.err
}

// cut ends the batch. The caller holds mu.
func (s *Spool[R]) cut() {
	if s.rows > 0 {
		s.waiting = append(s.waiting, s.build.NewRecordBatch())
		s.rows, s.bytes = 0, 0
	}
}

// Write writes what has gathered, durable or not.
// Only a crash of the machine loses what it wrote; one of the process does not.
func (s *Spool[R]) Write() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	return s.flush()
}

// flush writes what has gathered, a frame each batch. An error stays: what follows a lost batch would hide the loss.
// The caller holds disk.
func (s *Spool[R]) flush() error {
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

// writeFrame writes a batch as one frame, in one write: a crash then cuts at most the last. The caller holds disk.
func (s *Spool[R]) writeFrame(batch arrow.RecordBatch) (err error) {
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
// It returns what it was given.
func (s *Spool[R]) keep(err error) error {
	if err != nil {
		s.mu.Lock()
		s.err = errors.Join(s.err, err)
		s.mu.Unlock()
	}
	return err
}

// Sync writes what has gathered and makes it durable. A slow disk holds up no append.
// An error stays, and comes out of every call that follows.
func (s *Spool[R]) Sync() error {
	s.disk.Lock()
	defer s.disk.Unlock()
	if err := s.flush(); err != nil || !s.dirty {
		return err
	}
	s.dirty = false
	return s.keep(s.file.Sync())
}

// Close syncs, and ends the spool.
// A second call fails with ErrClosed.
func (s *Spool[R]) Close() error {
	err := s.Sync()
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.build.Release()
	s.err = errors.Join(s.err, ErrClosed)
	return errors.Join(err, s.file.Close())
}

// ErrClosed says that a spool takes no rows any more.
// Rows that come after the end are lost: that is why it is an error.
var ErrClosed = errors.New("the attempt is closed")

// ReadSpool calls each for the batches of a spool up to its first bad frame, and reports whether it was
// cut there. A missing file is an empty one.
// Cut is no error: it is what a crash leaves. A batch is each's only until it returns.
func ReadSpool(path string, each func(arrow.RecordBatch) error) (cut bool, err error) {
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

// WholeBytes is how much of a spool can be read back; 0 when there is none.
// Frames are checked by their checksums, not decoded.
func WholeBytes(path string) int64 {
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
