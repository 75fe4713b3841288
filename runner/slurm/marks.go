package slurm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
	"matrix/results/record"
)

// Done is what a marker says of a committed launch.
type Done struct {
	Attempt string `json:"attempt"`
	Status  string `json:"status"` // one of package record's
	Reason  string `json:"reason,omitempty"`
	Host    string `json:"host"` // that it ran on
	Job     string `json:"job,omitempty"`
}

// committed looks for an attempt of a launch that the run brought forth; the last one counts.
func (r *Run) committed(l *Launch) (*Done, error) {
	names, err := r.Store.AttemptNames(l.Experiment, l.Slug)
	if err != nil {
		return nil, err
	}
	old := map[string]bool{}
	for _, name := range l.Before {
		old[name] = true
	}
	var done *Done
	for _, name := range names {
		if old[name] {
			continue
		}
		m, err := r.Store.ReadManifest(l.Experiment, l.Slug, name)
		if err != nil {
			continue // damaged since: it counts for no launch, as in a plan
		}
		if m.Launch == l.Launch && m.Address == l.Address && (done == nil || m.Status != record.Interrupted) {
			done = &Done{Attempt: name, Status: m.Status, Reason: m.Reason, Host: m.Host}
		}
	}
	if done != nil && done.Status == record.Interrupted {
		return nil, nil
	}
	return done, nil
}

// mark tells the watcher that a launch is committed. The marker is a convenience: the attempt is the record.
func (r *Run) mark(l *Launch, d Done) error {
	doc, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("mark a launch: %w", err)
	}
	return r.fs.WriteFileVia(filepath.Join(r.Dir, doneDir, "."+ulid.Make().String()), r.marker(l), doc)
}

// readMark reads what a task left about a launch that it committed.
func (r *Run) readMark(key string) (Done, error) {
	var d Done
	doc, err := disk.ReadFile(filepath.Join(r.Dir, doneDir, key), maxMark)
	if err == nil {
		err = json.Unmarshal(doc, &d)
	}
	if err == nil && d.Status == "" {
		err = errors.New("it tells no status")
	}
	return d, err
}

// maxMark bounds a marker in bytes.
const maxMark = 1 << 20

// remark deals with a marker that cannot be read: the attempt is the record, so it is written again from that, or goes.
func (r *Run) remark(l *Launch) (*Done, error) {
	if err := os.RemoveAll(r.marker(l)); err != nil {
		return nil, fmt.Errorf("remove a damaged marker: %w", err)
	}
	done, err := r.committed(l)
	if err != nil || done == nil {
		return nil, err
	}
	return done, r.mark(l, *done)
}
