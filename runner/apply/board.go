package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"matrix/results/claim"
	"matrix/results/disk"
	"matrix/runner/gpulock"
	"matrix/runner/launch"
)

// Board is what an apply does right now, written every second for `matrix status` in another terminal and for `matrix serve`.
type Board struct {
	PID        int              `json:"pid"`   // of the apply
	Owner      claim.Owner      `json:"owner"` // by which it is told whether the apply lives
	At         time.Time        `json:"at"`    // of the writing
	Experiment string           `json:"experiment"`
	Launches   []launch.Running `json:"launches"` // in the plan's order
}

// BoardFile lies in the folder of what is no result.
const BoardFile = "running.json"

// JournalFile lies beside the board: the plan's cells and what has happened, in the records of --json, of the apply that runs, else
// of the last. Who calls Apply writes it, out of the events.
const JournalFile = "events.ndjson"

// ReadBoard reads the board in a folder: .matrix has that of the apply that holds the tree, and each task of a cluster its own below. nil and no
// error where there is none.
func ReadBoard(inner string) (*Board, error) {
	text, err := disk.ReadFile(filepath.Join(inner, BoardFile), 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	b := new(Board)
	if err == nil {
		err = json.Unmarshal(text, b)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", BoardFile, err)
	}
	return b, nil
}

// beat tells once a second what runs, until the returned function is called: events for this terminal, the board for
// others. What cannot be written is not worth a word: it is the store that must not fail.
func (s *session) beat() (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	path := filepath.Join(s.site.World.Store.Inner(), BoardFile)
	owner := claim.Me("matrix apply " + s.site.Plan.Experiment)
	s.site.Crowd.Meet(s.others())
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
				s.site.Crowd.Meet(s.others())
			}
			board := Board{PID: os.Getpid(), Owner: owner, At: time.Now(), Experiment: s.site.Plan.Experiment, Launches: s.site.Crowd.Look(told)}
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

// others is how many other applies hold GPUs of this machine.
func (s *session) others() int64 {
	var uuids []string
	for _, g := range s.site.GPUs {
		uuids = append(uuids, g.UUID)
	}
	return gpulock.Others(s.site.Host.LockFolder, uuids)
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
