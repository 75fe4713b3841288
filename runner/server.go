package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"matrix/backends"
	"matrix/experiments"
	"matrix/results"
	"matrix/runner/load"
)

// serverKey is equal for cells whose engines are launched alike: same platform after overrides, model, hardware, caches.
// It is "" for a cell that has a server of its own, and where there is none to launch.
func serverKey(c *experiments.Cell) string {
	if c.Isolation == nil || c.Isolation.Server != "group" || c.Platform.Attached() {
		return ""
	}
	return engineKey(c)
}

// engineKey is equal for cells that one engine could serve, whether they share it or not.
func engineKey(c *experiments.Cell) string {
	platform := *c.Platform
	platform.Place = experiments.Place{}
	hardware := ""
	if c.Hardware != nil {
		hardware = c.Hardware.ID
	}
	i := c.Isolation
	key, err := json.Marshal([]any{platform, c.Model.ID, hardware, i.Caches, i.PrefixCache, i.Alone})
	if err != nil {
		panic(err) // values of the language: all of them have a JSON form
	}
	return string(key)
}

// share finds the cells that need the same server, and says so in the plan.
func (p *Plan) share() {
	cells := map[string]int{}
	for _, item := range p.Items {
		if item.Pending() {
			item.server = serverKey(item.Cell)
			cells[item.server]++
		}
	}
	for _, item := range p.Items {
		if item.server == "" || !item.Pending() {
			continue
		}
		note := `has a server of its own though isolation.server = "group": no other pending cell needs the same`
		if n := cells[item.server]; n > 1 {
			others := fmt.Sprintf("%d other cells", n-1)
			if n == 2 {
				others = "1 other cell"
			}
			note = "shares one server with " + others + ": no load time of its own"
		}
		item.Notes = append(item.Notes, note)
	}
}

// server is an engine that several cells use one after the other (isolation.server = "group"). One launch at a time
// touches it.
type server struct {
	folder *results.ServerLaunch // of the engine that runs, or ran last
	record results.ServerRecord
	engine backends.Engine // nil: none runs
	keeper *launch         // that used it last, and can stop it
}

// alive reports whether an engine is there to be used.
func (s *server) alive() bool {
	if s == nil || s.engine == nil {
		return false
	}
	select {
	case <-s.engine.Done():
		return false
	default:
		return true
	}
}

// usable reports whether an engine is there and says that it is well. One whose core died between two cells may live on.
func (s *server) usable(ctx context.Context) bool {
	return s.alive() && load.Well(ctx, s.engine) == nil
}

// starting reports whether there is a folder for an engine that has not come to be.
func (s *server) starting() bool {
	return s != nil && s.folder != nil && s.engine == nil && s.record.Ended.IsZero()
}

// begin makes the folder of the next engine.
func (s *server) begin(l *launch) error {
	folder, err := l.a.w.Store.BeginServer(l.cell.Experiment)
	if err != nil {
		return err
	}
	s.folder = folder
	s.record = results.ServerRecord{Began: time.Now(), Phases: map[string]float64{}, GPUs: l.at.gpus}
	return nil
}

// use notes that an attempt runs on the engine.
func (s *server) use(l *launch) {
	s.engine, s.keeper = l.engine, l
	info := l.engine.Info()
	s.record.Engine, s.record.Version, s.record.Argv = info.Engine, info.Version, info.Argv
	if id := l.attempt.Manifest().Attempt; !slices.Contains(s.record.Attempts, id) {
		s.record.Attempts = append(s.record.Attempts, id)
	}
	s.save(l)
}

func (s *server) save(l *launch) {
	l.mu.Lock() // the backend may still tell of a phase
	record := s.record
	record.Phases, record.Warnings = maps.Clone(record.Phases), slices.Clone(l.row.Warnings)
	l.mu.Unlock()
	if err := s.folder.Save(record); err != nil {
		l.warn(oneLine(err)) // the rows matter more, and are elsewhere
	}
}

// close ends the engine of a group whose cells are done.
func (s *server) close(ctx context.Context) {
	if s != nil && s.engine != nil {
		s.keeper.stopEngine(ctx)
	}
}

// ended notes how the engine came to its end, and tidies behind it.
func (s *server) ended(l *launch, reason string) {
	s.engine = nil
	s.record.Ended, s.record.Reason = time.Now(), reason
	s.save(l)
	_ = os.RemoveAll(l.scratch()) // the next apply clears what is left
}

// launchID names the engine's launch: to its processes, and as its scratch folder.
func (l *launch) launchID() string {
	if s := l.at.server; s != nil && s.folder != nil {
		return s.folder.ID
	}
	return l.attempt.Manifest().Attempt
}

// logPath is where the engine's output goes.
func (l *launch) logPath() string {
	if s := l.at.server; s != nil && s.folder != nil {
		return s.folder.LogPath()
	}
	return l.attempt.LogPath()
}

// ownPhases are the parts of a launch that belong to the cell even if others share its server.
var ownPhases = []string{"prime", "warmup", "measure"}

// ofServer reports whether a phase is the shared server's; the caller holds the launch's lock.
func (l *launch) ofServer(phase string) bool {
	return l.at.server != nil && !slices.Contains(ownPhases, phase)
}
