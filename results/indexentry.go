package results

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"time"

	"matrix/experiments"
	"matrix/results/disk"
	"matrix/results/record"
)

// indexEntry is one attempt in the index: what Recall tells of its manifest.
type indexEntry struct {
	slug, attempt, status, reason, platform, model, name string
	mtime, began, ended                                  int64 // Unix nanoseconds
	launch, batch, segments, planned, ok                 int64
	load, duration                                       float64 // s; NaN = not there
	identity                                             experiments.Identity
	axes                                                 map[string]string
	files                                                []indexedFile
}

type indexedFile struct {
	name  string
	bytes int64
}

func entryOf(at *sight) *indexEntry {
	m := &at.read.Manifest
	e := &indexEntry{slug: m.Slug, attempt: m.Attempt, status: m.Status, reason: m.Reason, platform: m.Platform, model: m.Model, name: m.Name,
		mtime: at.mtime, began: m.Began.UnixNano(), ended: m.Ended.UnixNano(), launch: int64(m.Launch), batch: int64(m.BatchSize),
		segments: int64(m.Segments), planned: m.Planned, ok: m.OK, load: math.NaN(), duration: math.NaN(), identity: m.Identity, axes: m.Axes, files: at.files}
	if v, there := m.Summary["load_s"]; there {
		e.load = v
	}
	if v, there := m.Summary["duration_s"]; there {
		e.duration = v
	}
	return e
}

func (e *indexEntry) manifest(experiment string) Manifest {
	m := Manifest{Schema: record.ManifestSchema, Experiment: experiment, Address: e.identity.Address, Slug: e.slug, Name: e.name, Launch: int(e.launch),
		Attempt: e.attempt, Status: e.status, Reason: e.reason, Platform: e.platform, Model: e.model, BatchSize: int(e.batch), Axes: e.axes,
		Identity: e.identity, Began: time.Unix(0, e.began).UTC(), Ended: time.Unix(0, e.ended).UTC(), Segments: int(e.segments),
		Planned: e.planned, OK: e.ok, Summary: make(map[string]float64, 2)}
	if !math.IsNaN(e.load) {
		m.Summary["load_s"] = e.load
	}
	if !math.IsNaN(e.duration) {
		m.Summary["duration_s"] = e.duration
	}
	return m
}

// indexMagic begins an index; another version is another word.
const indexMagic = "matrix index 1\n"

// indexWriter writes entries. Strings and whole identities stand once, and are referred to by number: a history is the
// same few cells over and over.
type indexWriter struct {
	out        []byte
	strings    map[string]uint64
	identities map[string]uint64
}

func newIndexWriter() *indexWriter {
	return &indexWriter{out: []byte(indexMagic), strings: map[string]uint64{}, identities: map[string]uint64{}}
}

func (w *indexWriter) int(v int64) { w.out = binary.AppendVarint(w.out, v) }
func (w *indexWriter) float(v float64) {
	w.out = binary.BigEndian.AppendUint64(w.out, math.Float64bits(v))
}

// text writes a string's number; behind a new number stands the string itself.
func (w *indexWriter) text(s string) {
	n, known := w.strings[s]
	if !known {
		n = uint64(len(w.strings))
		w.strings[s] = n
	}
	w.out = binary.AppendUvarint(w.out, n)
	if !known {
		w.out = append(binary.AppendUvarint(w.out, uint64(len(s))), s...)
	}
}

func (w *indexWriter) add(e *indexEntry) {
	for _, s := range []string{e.slug, e.status, e.reason, e.platform, e.model, e.name} {
		w.text(s)
	}
	w.out = append(binary.AppendUvarint(w.out, uint64(len(e.attempt))), e.attempt...) // each is its own
	for _, n := range []int64{e.mtime, e.began, e.ended, e.launch, e.batch, e.segments, e.planned, e.ok} {
		w.int(n)
	}
	w.float(e.load)
	w.float(e.duration)
	w.identity(e.identity, e.axes)
	w.int(int64(len(e.files)))
	for _, f := range e.files {
		w.text(f.name)
		w.int(f.bytes)
	}
}

// identity writes the identity with the cell's axes, whose address it has.
func (w *indexWriter) identity(id experiments.Identity, axes map[string]string) {
	key := id.Address + id.Hash + id.Components.Get("environment").Hash + id.Components.Get("policy").Hash
	n, known := w.identities[key]
	if !known {
		n = uint64(len(w.identities))
		w.identities[key] = n
	}
	w.out = binary.AppendUvarint(w.out, n)
	if known {
		return
	}
	w.text(id.Address)
	w.text(id.Hash)
	components := maps.Collect(id.Components.All())
	w.int(int64(len(components)))
	for name, c := range id.Components.All() {
		w.text(name)
		w.text(c.Hash)
		w.text(string(c.Value))
	}
	w.int(int64(len(axes)))
	for _, name := range slices.Sorted(maps.Keys(axes)) {
		w.text(name)
		w.text(axes[name])
	}
}

// bytes ends the index with its checksum.
func (w *indexWriter) bytes() []byte {
	return binary.BigEndian.AppendUint32(w.out, crc32.ChecksumIEEE(w.out))
}

// indexReader reads what indexWriter wrote. After the first mistake it gives zeros, and bad is set.
type indexReader struct {
	in         []byte
	bad        bool
	strings    []string
	identities []identityAxes
}

type identityAxes struct {
	id   experiments.Identity
	axes map[string]string
}

// maxIndex bounds an index in bytes: some hundred each of a million attempts.
const maxIndex = 1 << 30

// readIndex reads an index by attempt; none when it is not there, or not whole.
func readIndex(path string) map[string]*indexEntry {
	doc, err := disk.ReadFile(path, maxIndex)
	if err != nil || len(doc) < len(indexMagic)+4 || !bytes.HasPrefix(doc, []byte(indexMagic)) {
		return nil
	}
	body := doc[:len(doc)-4]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(doc[len(body):]) {
		return nil
	}
	r := &indexReader{in: body[len(indexMagic):]}
	known := map[string]*indexEntry{}
	for len(r.in) > 0 {
		e := r.entry()
		if r.bad {
			return nil
		}
		known[e.attempt] = e
	}
	return known
}

func (r *indexReader) entry() *indexEntry {
	e := &indexEntry{slug: r.text(), status: r.text(), reason: r.text(), platform: r.text(), model: r.text(), name: r.text()}
	e.attempt = string(r.take(r.uint()))
	for _, to := range []*int64{&e.mtime, &e.began, &e.ended, &e.launch, &e.batch, &e.segments, &e.planned, &e.ok} {
		*to = r.int()
	}
	e.load, e.duration = r.float(), r.float()
	both := r.identity()
	e.identity, e.axes = both.id, both.axes
	n := r.count()
	e.files = make([]indexedFile, 0, n)
	for range n {
		e.files = append(e.files, indexedFile{r.text(), r.int()})
	}
	return e
}

func (r *indexReader) identity() identityAxes {
	n := r.uint()
	if n < uint64(len(r.identities)) {
		return r.identities[n]
	}
	both := identityAxes{id: experiments.Identity{Address: r.text(), Hash: r.text()}, axes: map[string]string{}}
	for range r.count() {
		both.id.Components.Set(r.text(), experiments.Component{Hash: r.text(), Value: json.RawMessage(r.text())})
	}
	for range r.count() {
		name := r.text()
		both.axes[name] = r.text()
	}
	r.identities = append(r.identities, both)
	return both
}

func (r *indexReader) text() string {
	n := r.uint()
	if n < uint64(len(r.strings)) {
		return r.strings[n]
	}
	s := string(r.take(r.uint()))
	r.strings = append(r.strings, s)
	return s
}

func (r *indexReader) take(n uint64) []byte {
	if n > uint64(len(r.in)) {
		r.bad, r.in = true, nil
		return nil
	}
	taken := r.in[:n]
	r.in = r.in[n:]
	return taken
}

func (r *indexReader) uint() uint64 {
	v, n := binary.Uvarint(r.in)
	r.take(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

func (r *indexReader) int() int64 {
	v, n := binary.Varint(r.in)
	r.take(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

// count is an int that so many things follow: at least a byte each.
func (r *indexReader) count() int {
	n := r.int()
	if n < 0 || n > int64(len(r.in)) {
		r.bad, r.in = true, nil
		return 0
	}
	return int(n)
}

func (r *indexReader) float() float64 {
	b := r.take(8)
	if len(b) < 8 {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}
