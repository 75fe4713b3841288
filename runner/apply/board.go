package apply

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"matrix/results/disk"
	"matrix/results/store"
	"matrix/runner/launch"
)

// Board is what an apply does right now, written every second for `matrix status` in another terminal.
type Board struct {
	PID        int              `json:"pid"`
	At         time.Time        `json:"at"` // of the writing
	Experiment string           `json:"experiment"`
	Launches   []launch.Running `json:"launches"`
}

const boardFile = "running.json"

// ReadBoard reads the board of the apply that holds the tree; nil where there is none.
func ReadBoard(store *store.Store) *Board {
	var b Board
	text, err := disk.ReadFile(filepath.Join(store.Inner(), boardFile), 64<<20)
	if err != nil || json.Unmarshal(text, &b) != nil {
		return nil
	}
	return &b
}

// beat tells once a second what runs, until the returned function is called: events for this terminal, the board for
// others. What cannot be written is not worth a word: it is the store that must not fail.
func (s *session) beat() (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	path := filepath.Join(s.site.World.Store.Inner(), boardFile)
	go func() {
		defer close(ended)
		defer os.Remove(path)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		logged := time.Now()
		for {
			told := false
			select {
			case <-over:
				return
			case <-s.changed:
			case <-tick.C:
				told = true
			}
			board := Board{PID: os.Getpid(), At: time.Now(), Experiment: s.site.Plan.Experiment, Launches: s.site.Crowd.Look(told)}
			if text, err := json.Marshal(board); err == nil {
				_ = replace(path, text)
			}
			if log := s.o.Log; log != nil && time.Since(logged) >= logEvery {
				logged = time.Now()
				s.site.Crowd.Log(log)
			}
		}
	}()
	return func() { close(over); <-ended }
}

// replace writes a file of its own folder by rename, so that no reader meets half of it.
func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// change has the board written at once.
func (s *session) change() {
	select {
	case s.changed <- struct{}{}:
	default: // it will be anyway
	}
}

// beatEvery is how often a waiting person is told what runs, and how often the board is written.
const beatEvery = time.Second

// logEvery is how often the program's log tells what runs.
const logEvery = 10 * time.Second
