package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
	"matrix/results/record"
	"matrix/results/table"
)

// serverFile is what a shared server's folder tells beside its log.
const serverFile = "phases.json"

// ServerLaunch is the folder of one launch of a shared server: <experiment>/launches/<ulid>. Attempts refer to it by ID.
// It is no attempt: no plan looks for it, and without it attempts lack only their load.
type ServerLaunch struct {
	ID    string // ULID; what Run.ServerLaunch refers to
	dir   string
	store *Store
}

// Servers are what the folders of an experiment's shared servers and primings tell, by launch; none where there are none.
// One that cannot be read tells how long a start took to nobody: no reason to report nothing.
// A free function, for a report has a root and no store.
func Servers(root, experiment string) ([]record.ServerRecord, error) {
	dir := filepath.Join(root, experiment, launchesDir)
	names, err := folders(dir)
	if err != nil {
		return nil, err
	}
	var out []record.ServerRecord
	for _, name := range names {
		doc, err := disk.ReadFile(filepath.Join(dir, name, serverFile), table.MaxDocument)
		if passing(err) {
			return nil, fmt.Errorf("read server launch %s: %w", name, err)
		}
		var r record.ServerRecord
		if err != nil || json.Unmarshal(doc, &r) != nil {
			continue // it was killed before it was ready, or the folder was damaged
		}
		out = append(out, r)
	}
	return out, nil
}

// BeginServer makes the folder of a server that is about to be launched. The caller holds the lock.
// The folder stays whatever becomes of the server: its log tells why.
func (s *Store) BeginServer(experiment string) (*ServerLaunch, error) {
	if err := checkName(experiment); err != nil {
		return nil, fmt.Errorf("place experiment %q in the results: %w", experiment, err)
	}
	l := &ServerLaunch{ID: ulid.Make().String(), store: s}
	l.dir = filepath.Join(s.root, experiment, launchesDir, l.ID)
	if err := s.fs.MkdirAll(l.dir); err != nil {
		return nil, notWritable(s.root, err)
	}
	return l, nil
}

// ServerLog is where the log of a shared server is, for who looks on from outside; "" = its names are none of ours.
func ServerLog(s *Store, experiment, launch string) string {
	if checkName(experiment) != nil || !attemptName(launch) {
		return ""
	}
	return filepath.Join(s.root, experiment, launchesDir, launch, logFile)
}

// LogPath is where the server's output goes.
func (l *ServerLaunch) LogPath() string { return filepath.Join(l.dir, logFile) }

// ShortenLog leaves out the middle of a log that is too long; "" where it is not. Nobody writes to it any more.
func (l *ServerLaunch) ShortenLog() (warning string, err error) {
	in, kept, left, err := openLog(l.LogPath())
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer in.Close()
	if left == 0 {
		return "", nil
	}
	text, err := io.ReadAll(kept)
	if err == nil {
		err = l.store.fs.WriteFile(l.LogPath(), text)
	}
	if err != nil {
		return "", fmt.Errorf("shorten the log: %w", err)
	}
	return longLog(left), nil
}

// Save replaces what the folder tells.
// It fills in launch, host and version itself.
func (l *ServerLaunch) Save(r record.ServerRecord) error {
	r.Launch, r.Host, r.Matrix = l.ID, hostname(), l.store.Version
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("save server launch %s: %w", l.ID, err)
	}
	if err := l.store.fs.WriteFile(filepath.Join(l.dir, serverFile), append(doc, '\n')); err != nil {
		return fmt.Errorf("save server launch %s: %w", l.ID, err)
	}
	return nil
}
