package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/spool"
)

// SampleTail follows the telemetry in a spool that is being written.
// Not for concurrent use.
type SampleTail struct {
	path  string
	good  int64  // bytes that were read
	first []byte // the first frame, which has the schema
}

// FollowSamples begins to follow a spool.
// It opens nothing: each Read opens the file anew, so that there is nothing to close.
func FollowSamples(path string) *SampleTail { return &SampleTail{path: path} }

// mostFollowed bounds what one Read takes in, in bytes; the next goes on there.
const mostFollowed = 64 << 20

// Read calls each for the rows that were written since. A frame that is only half there yet is read the next time; a spool that is
// gone, or not there yet, has none.
// Rows come once each, but after an error of each: what that call was given is not given again.
func (t *SampleTail) Read(each func(record.SampleRow) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read spool %s: damaged: %v", t.path, r)
		}
	}()
	f, err := disk.Open(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(t.good, io.SeekStart); err != nil {
		return err
	}
	stream, known := bytes.NewBuffer(bytes.Clone(t.first)), t.first != nil
	r, n := spool.Resume(f, t.good), 0
	for ; stream.Len() < mostFollowed; n++ {
		payload, err := r.Next()
		if err != nil {
			break // the end, for now
		}
		if t.first == nil {
			t.first = bytes.Clone(payload)
		}
		stream.Write(payload)
	}
	if t.good = r.Good(); n == 0 {
		return nil
	}
	return eachSample(stream, known, each)
}

// eachSample reads a stream of batches; known: the first is one that was read before, and stands there for its schema alone.
func eachSample(stream io.Reader, known bool, each func(record.SampleRow) error) error {
	in, err := ipc.NewReader(stream)
	if err != nil {
		return err
	}
	defer in.Release()
	for in.Next() {
		if known { // the first frame's, which were read before
			known = false
			continue
		}
		if err := eachRow[record.SampleRow](in.RecordBatch(), sampleColumns, each); err != nil {
			return err
		}
	}
	return in.Err()
}
