package apply

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/backends"
	"matrix/runner/events"
	"matrix/runner/runnertest"
)

// A load of minutes is told while it lasts, here and on the board: the phase, its limit, the part, the engine's last line.
func TestALoadIsToldWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := runnertest.Cell("a", 4)
		c.Limits.Load = 10 * time.Minute
		var board *Board
		r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
			spec.Enter("import")
			time.Sleep(20 * time.Second)
			spec.Observe(backends.Phase{Name: "import", Duration: 20 * time.Second})
			spec.Enter("compile")
			if err := os.WriteFile(spec.LogPath, []byte("INFO 11-23 19:57:27 [backends.py:1148] \x1b[1mCompiling\x1b[0m a graph\n"), 0o644); err != nil {
				t.Error(err)
			}
			time.Sleep(40*time.Second + beatEvery/2)
			board, _ = ReadBoard(r.world.Store.Inner())
			return runnertest.NewEngine(), nil
		}
		r.apply(t.Context(), r.plan(c))
		var last events.Event
		told := 0
		for _, e := range r.events {
			if e.Kind == events.LaunchProgress && e.Phase == "load" {
				last = e
				told++
			}
		}
		if told < 55 || last.Part != "compile" || last.Limit != 10*time.Minute || last.Elapsed < 58*time.Second || last.Message != "Compiling a graph" {
			t.Errorf("told %d times, last %+v", told, last)
		}
		if board == nil || board.PID != os.Getpid() || board.Owner.PID != os.Getpid() || len(board.Launches) != 1 {
			t.Fatalf("board %+v", board)
		}
		if l := board.Launches[0]; l.Phase != "load" || l.Part != "compile" || l.LogLine != "Compiling a graph" || l.Progress != nil || l.Name != c.Name() || l.Remaining != nil {
			t.Errorf("board %+v", l)
		}
		// Of a second launch it is known by then how long the first one took: a minute of load, of which half a second is over that.
		c.Launches = 2
		r.apply(t.Context(), r.plan(c))
		if l := board.Launches[0]; l.Launch != 2 || l.Remaining == nil || l.Remaining.Took <= 0 || l.Remaining.Took > 10*time.Second || l.Remaining.Low > l.Remaining.Took || l.Remaining.High < l.Remaining.Took {
			t.Errorf("the board says that it takes %+v more", l.Remaining)
		}
		if _, err := os.Stat(filepath.Join(r.world.Store.Inner(), BoardFile)); err == nil {
			t.Error("the board outlives the apply")
		}
	})
}

// The program's log tells what a launch that hangs waits for, while it hangs: the phase, since when, its limit, where the
// engine is to answer, what it said last.
func TestAStalledLaunchIsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "matrix.log")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r := newRig(t)
		r.options.Log = slog.New(slog.NewJSONHandler(file, nil))
		c := runnertest.Cell("a", 4)
		c.Limits.Load = 2 * time.Minute
		began := time.Now()
		r.backend.OnLaunch = func(ctx context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
			spec.Listen("http://127.0.0.1:4711")
			spec.Enter("weights")
			if err := os.WriteFile(spec.LogPath, []byte("Loading shard 3 of 4\n"), 0o644); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r.apply(t.Context(), r.plan(c))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		waits, kinds := 0, map[string]int{}
		for line := range strings.Lines(string(text)) {
			var x struct {
				Msg, Level, Attempt, Phase, Part, URL, Message string
				Since                                          time.Time
				ForS                                           float64 `json:"for_s"`
				LimitS                                         float64 `json:"limit_s"`
				Says                                           string  `json:"engine_says"`
			}
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			kinds[x.Msg]++
			if x.Msg != "waiting" || x.Phase != "load" {
				continue
			}
			waits++
			if x.Part != "weights" || x.URL != "http://127.0.0.1:4711" || x.LimitS != 120 || x.Says != "Loading shard 3 of 4" ||
				x.Since.Before(began) || x.ForS < float64(9*waits) || x.Attempt == "" {
				t.Errorf("%s", line)
			}
		}
		if waits < 10 || kinds["cell_failed"] != 1 || kinds["launch_phase"] == 0 {
			t.Errorf("%d times in two minutes; %v", waits, kinds)
		}
	})
}
