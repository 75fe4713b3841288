package store

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"

	"matrix/results/disk"
	"matrix/results/record"
)

// indexFile is what a file of the index holds, in gob, between a magic and a checksum. A history is the same few cells over
// and over, so what an attempt shares with its cell's others stands once: a manifest without what is one attempt's.
// Gob, for nobody but this package reads it, and a wrong version is simply read anew.
type indexFile struct {
	Cells   []record.Manifest
	Entries []indexEntry
}

// indexEntry is one attempt in the index: what Recall tells of its manifest.
// Its fields change with indexMagic only.
type indexEntry struct {
	Cell                    int // of the file's Cells
	Attempt, Status, Reason string
	MTime, Began, Ended     int64 // Unix nanoseconds; MTime is the folder's
	Launch, Segments        int
	Planned, OK             int64
	Figures                 []float64 // those of estimated, in their order; NaN = not there
	Sizes                   []int64   // bytes of the published files, in their order; −1 = the attempt has none
}

// indexMagic begins an index; another version is another word.
const indexMagic = "matrix index 3\n"

// estimated are the metrics that estimates are made from.
// Their order is that of Figures.
var estimated = []string{record.MetricLoad, record.MetricDuration, record.MetricValid}

// maxIndex bounds an index in bytes: some hundred each of a million attempts.
const maxIndex = 1 << 30

// indexWriter gathers the entries of an index.
type indexWriter struct {
	file  indexFile
	cells map[string]int
}

// add puts an attempt to the cell that it shares the rest of its manifest with.
func (w *indexWriter) add(e indexEntry, cell record.Manifest) {
	id := &cell.Identity
	// All that may differ among attempts of one cell: an identity changes with the engine's version.
	key := cell.Slug + "\x00" + id.Address + id.Hash + id.Components.Get("environment").Hash + id.Components.Get("policy").Hash
	n, known := w.cells[key]
	if !known {
		n = len(w.file.Cells)
		w.cells[key] = n
		w.file.Cells = append(w.file.Cells, cell)
	}
	e.Cell = n
	w.file.Entries = append(w.file.Entries, e)
}

// entryOf splits an attempt into its entry and what its cell's others share.
// mtime is the folder's.
func entryOf(m record.Manifest, mtime int64) (indexEntry, record.Manifest) {
	e := indexEntry{Attempt: m.Attempt, Status: m.Status, Reason: m.Reason, MTime: mtime, Began: m.Began.UnixNano(), Ended: m.Ended.UnixNano(),
		Launch: m.Launch, Segments: m.Segments, Planned: m.Planned, OK: m.OK}
	for _, name := range estimated {
		v, there := m.Summary[name]
		if !there {
			v = math.NaN()
		}
		e.Figures = append(e.Figures, v)
	}
	for _, name := range published {
		size := int64(-1)
		if f, there := m.Files[name]; there {
			size = f.Bytes
		}
		e.Sizes = append(e.Sizes, size)
	}
	return e, record.Manifest{Schema: record.ManifestSchema, Experiment: m.Experiment, Address: m.Identity.Address, Slug: m.Slug, Name: m.Name,
		Platform: m.Platform, Model: m.Model, BatchSize: m.BatchSize, Axes: m.Axes, Identity: m.Identity}
}

// manifest is what the entry tells, with what the attempts of its cell share.
// Times are UTC; the manifest that was read has its own zone.
func (e *indexEntry) manifest(cell record.Manifest) record.Manifest {
	m := cell
	m.Attempt, m.Status, m.Reason, m.Launch, m.Segments, m.Planned, m.OK = e.Attempt, e.Status, e.Reason, e.Launch, e.Segments, e.Planned, e.OK
	m.Began, m.Ended, m.Summary = time.Unix(0, e.Began).UTC(), time.Unix(0, e.Ended).UTC(), make(map[string]float64, len(estimated))
	for i, name := range estimated {
		if !math.IsNaN(e.Figures[i]) {
			m.Summary[name] = e.Figures[i]
		}
	}
	return m
}

// intact compares the sizes of an attempt's files.
// A size is a cheap sign: a file that was changed in place to the same length is Verify's to find.
func (e *indexEntry) intact(dir string) bool {
	for i, name := range published {
		if e.Sizes[i] < 0 {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Size() != e.Sizes[i] || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// bytes is the file. Nobody else need read it, and one that cannot be read is as good as none.
func (w *indexWriter) bytes() ([]byte, error) {
	out := bytes.NewBufferString(indexMagic)
	if err := gob.NewEncoder(out).Encode(w.file); err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint32(out.Bytes(), crc32.ChecksumIEEE(out.Bytes())), nil
}

// readIndex reads an index; nothing when it is not there, or not whole.
func readIndex(path string) (f indexFile) {
	doc, err := disk.ReadFile(path, maxIndex)
	if err != nil || len(doc) < len(indexMagic)+4 || !bytes.HasPrefix(doc, []byte(indexMagic)) {
		return indexFile{}
	}
	body := doc[:len(doc)-4]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(doc[len(body):]) {
		return indexFile{}
	}
	if gob.NewDecoder(bytes.NewReader(body[len(indexMagic):])).Decode(&f) != nil {
		return indexFile{}
	}
	for i := range f.Entries {
		if e := &f.Entries[i]; e.Cell < 0 || e.Cell >= len(f.Cells) || len(e.Sizes) != len(published) || len(e.Figures) != len(estimated) {
			return indexFile{} // of the right checksum, and no work of ours
		}
	}
	return f
}
