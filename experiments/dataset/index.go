package dataset

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"matrix/experiments/textfile"
	"os"
	"strconv"
	"time"
)

// span is one entry in the file: 16 bytes, whatever the prompt's length.
type span struct {
	offset int64  // bytes from the start of what entries are read from, the file or its copy
	size   uint32 // bytes in the file
	chars  uint32 // bytes of prompt text
}

// indexed is a file with an offset index.
type indexed struct {
	file  *os.File // the dataset's own, or an unnamed copy (spool); closed with the set
	path  string   // as messages name it, also where a copy is read
	size  int64    // of file when it was indexed, bytes, to see that it was changed
	mtime time.Time
	spans []span // in the order of the file
	parse func(raw []byte) (Entry, error)
}

// The methods of source. ReadAt moves no offset, so entries may be read concurrently.
func (x *indexed) len() int        { return len(x.spans) }
func (x *indexed) chars(i int) int { return int(x.spans[i].chars) }
func (x *indexed) close() error    { return x.file.Close() }

// entry reads one prompt. A file that was edited since it was indexed would give other prompts than its digest
// says, so that is an error.
func (x *indexed) entry(i int) (Entry, error) {
	st, err := x.file.Stat()
	if err != nil {
		return Entry{}, fmt.Errorf("read %s: %w", x.path, err)
	}
	if st.Size() != x.size || !st.ModTime().Equal(x.mtime) {
		return Entry{}, &Error{Path: x.path, Reason: "the file was changed while it was in use", Hint: "Plan again."}
	}
	raw := make([]byte, x.spans[i].size)
	if _, err := x.file.ReadAt(raw, x.spans[i].offset); err != nil {
		return Entry{}, fmt.Errorf("read %s at byte %d: %w", x.path, x.spans[i].offset, err)
	}
	e, err := x.parse(raw)
	if err != nil {
		return Entry{}, fmt.Errorf("read %s at byte %d: %w", x.path, x.spans[i].offset, err)
	}
	if e.ID == "" {
		e.ID = strconv.Itoa(i + 1)
	}
	return e, nil
}

// indexer is what a reader of one format needs and fills.
type indexer struct {
	ctx     context.Context
	in      *bufio.Reader
	base    int64  // offset of in's first byte: 3 after a byte order mark
	column  string // as the dataset declares it, "" = none
	format  string // never "" once it was detected
	comma   rune   // what separates a table's fields where that is not what its suffix says, else 0
	parse   func(raw []byte) (Entry, error)
	spans   []span
	skipped map[leftOut]int // entries without a question, left out
	unsent  []string        // what columns of a table ask for in vain
	asked   fieldCounts     // beside the prompts
	faults  faults
	ids     map[uint64]int // hash → line, to tell those that stand more than once
	again   int            // entries whose id was used before
}

// maxPrompts bounds the index: 16 bytes each, and as much again for their ids.
const maxPrompts = 20_000_000

// add books an entry, or its fault. The error is what ends the reading.
// A second use of an ID is a fault in a batch file, whose answers are matched by custom_id, elsewhere a note.
func (x *indexer) add(offset int64, size, line int, e Entry, err error) error {
	var why leftOut
	switch {
	case errors.As(err, &why):
		if x.skipped == nil {
			x.skipped = map[leftOut]int{}
		}
		x.skipped[why]++
		return nil
	case err != nil:
		x.faults.add(line, err.Error(), hintOf(err))
		return nil
	case len(x.spans) == maxPrompts:
		return &Error{Path: x.faults.path, Reason: fmt.Sprintf("more than %d million prompts", maxPrompts/1_000_000), Hint: "Cut the file into parts."}
	}
	if first := x.firstUse(e.ID, line); first > 0 {
		if x.format == formatBatch {
			x.faults.add(line, fmt.Sprintf("custom_id %.80q is used on line %d already", e.ID, first), "A custom_id names one request.")
			return nil
		}
		x.again++
	}
	x.asked.add(&e, line)
	x.spans = append(x.spans, span{offset: offset, size: uint32(size), chars: uint32(e.promptBytes())})
	return nil
}

// firstUse remembers an ID and tells the line where it was seen before, else 0.
func (x *indexer) firstUse(id string, line int) int {
	if id == "" {
		return 0
	}
	if x.ids == nil {
		x.ids = map[uint64]int{}
	}
	// The hash alone is kept: 20 million IDs as text would take more than the index. A false alarm needs two equal 64-bit
	// hashes in one file.
	h := fnv.New64a()
	io.WriteString(h, id)
	if first, seen := x.ids[h.Sum64()]; seen {
		return first
	}
	x.ids[h.Sum64()] = line
	return 0
}

// notes are what a reader of results should know of how the file was read.
func (x *indexer) notes() (all []string) {
	if text := leftOutNote(x.skipped, len(x.spans)); text != "" {
		all = append(all, x.faults.path+": "+text)
	}
	if x.again > 0 {
		all = append(all, fmt.Sprintf("%s: %d of %d prompts have an id that another has, too: answers cannot be matched by it", x.faults.path, x.again, len(x.spans)))
	}
	for _, text := range x.unsent {
		all = append(all, x.faults.path+": "+text)
	}
	return all
}

// unread says why reading ended before the end.
func (x *indexer) unread(err error) error {
	var fault *textfile.Error
	if errors.As(err, &fault) {
		return &Error{Path: x.faults.path, Line: fault.Line, Reason: fault.Reason, Hint: fault.Hint, Err: err}
	}
	return fmt.Errorf("read %s: %w", x.faults.path, err)
}
