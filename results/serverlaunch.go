package results

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
)

// serverFile is what a shared server's folder tells beside its log.
const serverFile = "phases.json"

// ServerLaunch is the folder of one launch of a shared server: <experiment>/launches/<ulid>. Attempts refer to it by ID.
type ServerLaunch struct {
	ID    string
	dir   string
	store *Store
}

// ServerRecord is phases.json: what belongs to the server and to no single cell.
type ServerRecord struct {
	Launch   string             `json:"server_launch"`
	Began    time.Time          `json:"began"`
	Ended    time.Time          `json:"ended,omitzero"` // zero: it runs, or matrix was killed
	Reason   string             `json:"reason,omitempty"`
	LoadS    *float64           `json:"load_s,omitempty"` // process start → first token of the first request; null where it was not recorded
	Phases   map[string]float64 `json:"phases"`           // s
	Primed   bool               `json:"primed,omitempty"` // it only filled caches: nothing was measured on it
	Attempts []string           `json:"attempts"`         // that were measured on it, in order; of a priming the one that it came before
	Engine   string             `json:"engine"`
	Version  string             `json:"version"`
	Argv     []string           `json:"argv"`
	GPUs     []string           `json:"gpus"` // UUIDs that it could use
	Host     string             `json:"host"`
	Matrix   string             `json:"matrix"`
	Warnings []string           `json:"warnings"`
}

// Load is the server's load in seconds: as recorded, else its phases from the spawn on, which lack the first request.
// It is nil where they tell nothing.
func (r *ServerRecord) Load() *float64 {
	if r.LoadS != nil {
		return r.LoadS
	}
	if _, ready := r.Phases["ready"]; !ready {
		return nil
	}
	var sum float64
	for _, name := range phases {
		if name == "warmup" {
			break
		}
		if name != "drain" && name != "prime" {
			sum += r.Phases[name]
		}
	}
	return &sum
}

// Servers are what the folders of an experiment's shared servers and primings tell, by launch; none where there are none.
// One that cannot be read tells how long a start took to nobody: no reason to report nothing.
func Servers(root, experiment string) ([]ServerRecord, error) {
	dir := filepath.Join(root, experiment, launchesDir)
	names, err := folders(dir)
	if err != nil {
		return nil, err
	}
	var out []ServerRecord
	for _, name := range names {
		doc, err := disk.ReadFile(filepath.Join(dir, name, serverFile), maxDocument)
		if recoverable(err) {
			return nil, fmt.Errorf("read server launch %s: %w", name, err)
		}
		var r ServerRecord
		if err != nil || json.Unmarshal(doc, &r) != nil {
			continue // it was killed before it was ready, or the folder was damaged
		}
		out = append(out, r)
	}
	return out, nil
}

// BeginServer makes the folder of a server that is about to be launched. The caller holds the lock.
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

// LogPath is where the server's output goes.
func (l *ServerLaunch) LogPath() string { return filepath.Join(l.dir, logFile) }

// Save replaces what the folder tells.
func (l *ServerLaunch) Save(r ServerRecord) error {
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
