package launch

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"matrix/backends"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/load"
	"matrix/runner/plan"
)

// Server is an engine that several cells use one after the other (isolation.server = "group"). One launch at a time
// touches it. The zero value is one that was not started.
type Server struct {
	folder *store.ServerLaunch   // of the engine that runs, or ran last
	record record.ServerRecord   // as it is saved; Phases guarded by the lock of the launch that uses it
	engine backends.Engine       // nil: none runs
	stop   func(context.Context) // by the launch that used it last
	url    string                // where it answers; "" = not known
}

// alive reports whether an engine is there to be used.
func (s *Server) alive() bool {
	return s != nil && s.engine != nil && !backends.Ended(s.engine)
}

// usable reports whether an engine is there and says that it is well. One whose core died between two cells may live on.
func (s *Server) usable(ctx context.Context) bool {
	return s.alive() && load.Well(ctx, s.engine) == nil
}

// starting reports whether there is a folder for an engine that has not come to be.
func (s *Server) starting() bool {
	return s != nil && s.folder != nil && s.engine == nil && s.record.Ended.IsZero()
}

// begin makes the folder of the next engine.
func (s *Server) begin(j *journal) error {
	folder, err := j.site.World.Store.BeginServer(j.cell.Experiment)
	if err != nil {
		return err
	}
	s.folder = folder
	s.record = record.ServerRecord{Began: time.Now(), Phases: map[string]float64{}, GPUs: j.gpus}
	return nil
}

// use notes that an attempt runs on the engine.
func (s *Server) use(j *journal, running backends.Engine, stop func(context.Context)) {
	s.engine, s.stop = running, stop
	info := running.Info()
	s.record.Engine, s.record.Version, s.record.Argv = info.Engine, info.Version, info.Argv
	if id := j.attempt.Manifest().Attempt; !slices.Contains(s.record.Attempts, id) {
		s.record.Attempts = append(s.record.Attempts, id)
	}
	s.save(j)
}

// save writes the record of a server that several cells share, beside their attempts.
func (s *Server) save(j *journal) {
	j.mu.Lock() // the backend may still tell of a phase
	record := s.record
	record.Phases, record.Warnings = maps.Clone(record.Phases), slices.Clone(j.row.Warnings)
	j.mu.Unlock()
	if err := s.folder.Save(record); err != nil {
		j.warn(plan.OneLine(err)) // the rows matter more, and are elsewhere
	}
}

// Close ends the engine of a group whose cells are done.
func (s *Server) Close(ctx context.Context) {
	if s != nil && s.engine != nil {
		s.stop(ctx)
	}
}

// ended notes how the engine came to its end, and tidies behind it.
func (s *Server) ended(j *journal, reason string) {
	s.engine = nil
	s.record.Ended, s.record.Reason = time.Now(), reason
	if long, err := s.folder.ShortenLog(); err != nil {
		j.warn(plan.OneLine(err))
	} else if long != "" {
		j.warn(long)
	}
	s.save(j)
	_ = os.RemoveAll(j.scratch()) // the next apply clears what is left
}

// ownPhases are the parts of a launch that belong to the cell even if others share its server.
var ownPhases = []string{"prime", "warmup", "measure"}

// launchID names the engine's launch: to its processes, and as its scratch folder.
func (j *journal) launchID() string {
	if s := j.server; s != nil && s.folder != nil {
		return s.folder.ID
	}
	return j.attempt.Manifest().Attempt
}

// logPath is where the engine's output goes.
func (j *journal) logPath() string {
	if s := j.server; s != nil && s.folder != nil {
		return s.folder.LogPath()
	}
	return j.attempt.LogPath()
}

// ofServer reports whether a phase is the shared server's; the caller holds the launch's lock.
func (j *journal) ofServer(phase string) bool {
	return j.server != nil && !slices.Contains(ownPhases, phase)
}
