package watch

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"matrix/results/claim"
	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
	"matrix/runner/apply"
	runs "matrix/runner/launch"
)

// source is one board with what lies beside it.
type source struct {
	store   *store.Store
	board   time.Time // that the last board tells of
	since   time.Time // when it was first seen; zero: at the first look
	journal journal
	launch  map[string]*launch // by attempt
}

func newSource(store *store.Store) *source {
	return &source{store: store, journal: journal{path: filepath.Join(store.Inner(), apply.JournalFile)}, launch: map[string]*launch{}}
}

// launch is what an attempt under way has shown.
type launch struct {
	log     string
	early   time.Time // of the last reading that the board has told of
	path    string    // of the spool that is followed
	samples *table.SampleTail
}

// look is the apply of the board, nil without one, and what is new. An error of the board is no proof that nothing runs.
func (s *source) look(at time.Time, me claim.Owner) (a *Apply, news []Message, err error) {
	news = s.journal.read()
	b, err := apply.ReadBoard(s.store.Inner())
	if b == nil {
		clear(s.launch)
		return nil, news, err
	}
	// Two machines' clocks differ: once a board was seen to change, ours tells how old it is.
	age := max(0, at.Sub(b.At))
	switch {
	case s.board.IsZero():
	case !s.board.Equal(b.At):
		s.since = at
		fallthrough
	default:
		if !s.since.IsZero() {
			age = at.Sub(s.since)
		}
	}
	s.board = b.At
	a = applyOf(b, age, me)
	running := map[string]bool{}
	for _, l := range b.Launches {
		running[l.Attempt] = true
		news = append(news, s.follow(b.Experiment, l, at)...)
	}
	for attempt := range s.launch {
		if !running[attempt] {
			delete(s.launch, attempt)
		}
	}
	return a, news, nil
}

// Log is the end of what an engine has printed.
type Log struct {
	Attempt string `json:"attempt"`
	Text    string `json:"text"`
}

// Samples is telemetry: of each reading the wall clock in seconds, where it is from, what it is, and its value.
type Samples struct {
	Attempt string   `json:"attempt"`
	Rows    [][4]any `json:"rows"`
}

const (
	logTail  = 8 << 10          // bytes of a log that are shown
	lookBack = 10 * time.Minute // of telemetry that was written before anybody looked
)

func (s *source) follow(experiment string, of runs.Running, at time.Time) (news []Message) {
	l := s.launch[of.Attempt]
	if l == nil {
		l = &launch{}
		s.launch[of.Attempt] = l
	}
	log, spool := store.Working(s.store, of.Attempt)
	if of.Server != "" {
		log = store.ServerLog(s.store, experiment, of.Server)
	}
	if text := tailOf(log); text != l.log {
		l.log = text
		news = append(news, Message{"log", Log{of.Attempt, text}})
	}
	rows := [][4]any{}
	for _, r := range of.Samples {
		if r.At.After(l.early) {
			rows = append(rows, [4]any{float64(r.At.UnixNano()) / 1e9, r.Source, r.Metric, r.Value})
		}
	}
	if n := len(of.Samples); n > 0 {
		l.early = of.Samples[n-1].At
	}
	if spool != "" {
		rows = append(rows, l.measured(spool, at)...)
	}
	if len(rows) > 0 {
		news = append(news, Message{"samples", Samples{of.Attempt, rows}})
	}
	return news
}

// measured is what is new in a spool.
func (l *launch) measured(spool string, at time.Time) (rows [][4]any) {
	if spool != l.path {
		l.path, l.samples = spool, table.FollowSamples(spool)
	}
	oldest := float64(at.Add(-lookBack).Unix())
	_ = l.samples.Read(func(r record.SampleRow) error { // a spool that is damaged is told by whoever recovers it
		if r.UnixS > oldest && !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0) { // which JSON has no number for
			rows = append(rows, [4]any{r.UnixS, r.Source, r.Metric, r.Value})
		}
		return nil
	})
	return rows
}

// tailOf is the end of a log, from the beginning of a line; "" where there is none.
func tailOf(path string) string {
	f, err := disk.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(0, info.Size()-logTail)
	text := make([]byte, logTail)
	n, _ := f.ReadAt(text, from) // what is there
	text = text[:n]
	if _, rest, cut := bytes.Cut(text, []byte("\n")); cut && from > 0 {
		text = rest
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// journal follows the journal of an apply.
type journal struct {
	path   string
	file   os.FileInfo // nil = not seen yet
	handed int64       // bytes that were handed on
	behind bool        // there is more to be read
}

// mostRead bounds what is read at once, and so what is held for one who does not take it.
const mostRead = 1 << 20

// read hands on the lines that are new, so many at once; before those of another file it says that one begins.
func (j *journal) read() (news []Message) {
	j.behind = false
	f, err := disk.Open(j.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	if j.file == nil || !os.SameFile(info, j.file) || info.Size() < j.handed {
		j.handed = 0
		news = append(news, Message{"begin", nil})
	}
	j.file = info
	text := make([]byte, min(mostRead, info.Size()-j.handed))
	n, _ := f.ReadAt(text, j.handed) // what is there
	end := bytes.LastIndexByte(text[:n], '\n') + 1
	if end == 0 && n == mostRead { // no line of ours
		end = n
	}
	if lines := records(text[:end]); len(lines) > 0 {
		news = append(news, Message{"records", lines})
	}
	j.handed += int64(end)
	j.behind = n == mostRead
	return news
}

// records are the lines that are JSON.
func records(text []byte) []json.RawMessage {
	var out []json.RawMessage
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); json.Valid(line) {
			out = append(out, line)
		}
	}
	return out
}
