package results

import (
	"context"
	"errors"

	"matrix/experiments"
)

// Store is a tree of committed attempts.
type Store struct{ root string }

// ErrLocked says that another apply holds the tree.
type ErrLocked struct{ Holder string }

func (e *ErrLocked) Error() string { return "the results are in use by " + e.Holder }

// Open returns the store at root; nothing is created before it is needed.
func Open(root string) (*Store, error) { return &Store{root: root}, nil }

// Root is the folder of the tree.
func (s *Store) Root() string { return s.root }

// Lock takes the tree for one apply, or returns *ErrLocked with the holder at once.
func (s *Store) Lock(what string) (unlock func(), err error) { return nil, errTodo }

// Past is one attempt in the history.
type Past struct {
	Manifest
	Dir     string
	Problem string // "" or result_corrupt, result_missing, unverified
	Tainted string // the reason, "" = not
}

// History returns the committed attempts of an experiment (all experiments when ""), oldest first.
func (s *Store) History(ctx context.Context, experiment string) ([]Past, error) { return nil, errTodo }

// Unfinished returns the attempts that an interrupted apply left in work/, spools recovered up to the first bad frame.
func (s *Store) Unfinished(ctx context.Context) ([]*Attempt, error) { return nil, errTodo }

// Accepts returns the identity hashes that a mark blessed for a cell.
func (s *Store) Accepts(ctx context.Context, experiment, slug string) ([]Mark, error) {
	return nil, errTodo
}

// Begin opens a new attempt in work/ with its spools.
func (s *Store) Begin(cell *experiments.Cell, id experiments.Identity, launch int, source []byte) (*Attempt, error) {
	return nil, errTodo
}

// Attempt is one try at one launch while it is written.
type Attempt struct{}

// Manifest is the attempt's manifest so far.
func (a *Attempt) Manifest() Manifest { return Manifest{} }

// Dir is the attempt's work folder; LogPath is server.log in it.
func (a *Attempt) Dir() string     { return "" }
func (a *Attempt) LogPath() string { return "" }

// Segment is the number of the segment being written, 1 at first. Resume starts the next one.
func (a *Attempt) Segment() int32 { return 1 }

// Resume reopens an attempt from Unfinished for its next segment.
func (a *Attempt) Resume() error { return errTodo }

// Finished reports whether a measured request already has a final row (of an earlier segment).
func (a *Attempt) Finished(seq int64) bool { return false }

// Append spools one request row; the output may be nil. Safe for concurrent use.
func (a *Attempt) Append(row RequestRow, out *OutputRow) error { return errTodo }

// Sample spools telemetry. Safe for concurrent use.
func (a *Attempt) Sample(rows ...SampleRow) error { return errTodo }

// SaveRun stores what is known of the run so far, so that an interrupted attempt can be resumed or committed later.
func (a *Attempt) SaveRun(run Run) error { return errTodo }

// SavedRun is what SaveRun stored last, nil when nothing was.
func (a *Attempt) SavedRun() *Run { return nil }

// Commit turns the spools into Parquet and publishes the attempt by one rename.
func (a *Attempt) Commit(status, reason, logTail string, run Run) (Summary, error) {
	return Summary{}, errTodo
}

// Suspend syncs and closes the spools and leaves the attempt in work/ to be resumed.
func (a *Attempt) Suspend(run Run) error { return errTodo }

// Summary is what follows from an attempt's rows.
type Summary struct {
	Metrics  map[string]*float64 // column name → value, nil = not to be had
	Statuses map[string]int64
	Warnings []string
}

var errTodo = errors.New("not written")
