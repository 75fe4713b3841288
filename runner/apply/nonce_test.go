package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"matrix/backends"
	"matrix/experiments/cell"
	"matrix/results/table"
	"matrix/runner/launch"
	"matrix/runner/plan"
	"matrix/runner/runnertest"
)

// memory is servers that outlive launches: what each was sent, by its URL.
type memory struct {
	mu   sync.Mutex
	sent map[string][]string
}

func (m *memory) serve(r *rig) {
	m.sent = map[string][]string{}
	r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
		e := runnertest.NewEngine()
		url := spec.Cell.Platform.URL
		e.Answer = func(ctx context.Context, req backends.Request) backends.Reply {
			m.mu.Lock()
			m.sent[url] = append(m.sent[url], req.Prompt)
			m.mu.Unlock()
			return runnertest.Healthy(ctx, req)
		}
		return e, nil
	}
}

// again counts the prompts that a server was sent more than once.
func (m *memory) again(url string) int {
	seen, again := map[string]bool{}, 0
	for _, p := range m.sent[url] {
		if seen[p] {
			again++
		}
		seen[p] = true
	}
	return again
}

func attachedCell(name, url string, batch int) *cell.Cell {
	c := runnertest.Cell(name, batch)
	c.Platform = &cell.Platform{ID: name, Backend: runnertest.Platform, Attach: true, URL: url}
	c.Launches = 2
	return c
}

// TestServersThatRemember: whatever a server outlives (launches, cells, warm-ups, second tries, a second platform at its
// address, another results tree), it is never sent a prompt twice; and platforms at other addresses are sent the same.
func TestServersThatRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		r := newRig(t)
		m.serve(r)
		plan := func(r *rig) *plan.Plan {
			return r.plan(attachedCell("a", "http://one:1/v1", 10), attachedCell("a", "http://one:1/v1", 20),
				attachedCell("bb", "http://two:1", 10), attachedCell("bb", "http://two:1", 20))
		}
		if sum := r.apply(t.Context(), plan(r)); sum.Complete != 8 {
			t.Fatalf("%+v", sum)
		}
		one, two := slices.Sorted(slices.Values(m.sent["http://one:1/v1"])), slices.Sorted(slices.Values(m.sent["http://two:1"]))
		if !slices.Equal(one, two) || len(one) != 2*(10+20+3+3) {
			t.Errorf("two platforms were sent %d and %d prompts, not the same", len(one), len(two))
		}
		r.apply(t.Context(), plan(r)) // the same launches once more: tainted, or failed
		r.apply(t.Context(), r.plan(attachedCell("ccc", "http://one:1/v1", 10)))
		for _, past := range r.history() {
			if w := rowWarnings(t, past.Dir); past.Manifest.Platform == "ccc" && !strings.Contains(w, "another nonce") {
				t.Errorf("a second platform at an address is not said to have other nonces: %s", w)
			}
		}
		other := newRig(t)
		other.backend.OnLaunch = r.backend.OnLaunch
		other.apply(t.Context(), plan(other))
		for url := range m.sent {
			if n := m.again(url); n > 0 {
				t.Errorf("%s was sent %d of %d prompts again", url, n, len(m.sent[url]))
			}
		}
	})
}

// TestFreshServersAreSentTheDatasetsNonces: a launched engine has seen nothing, so that its prompts stay what they always were.
func TestFreshServersAreSentTheDatasetsNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		r := newRig(t)
		m.serve(r)
		c := runnertest.Cell("a", 10)
		c.Launches = 2
		r.apply(t.Context(), r.plan(c))
		if n := m.again(""); n != 13 {
			t.Errorf("%d of two times 13 prompts are the same at both launches", n)
		}
	})
}

// TestSharedServerSeesNewPrompts: cells of a group ask one engine.
func TestSharedServerSeesNewPrompts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		r := newRig(t)
		m.serve(r)
		a, b := runnertest.Cell("a", 10), runnertest.Cell("a", 20)
		a.Isolation.Server, b.Isolation.Server = "group", "group"
		r.apply(t.Context(), r.plan(a, b))
		if n := m.again(""); n > 0 || r.backend.Launches.Load() != 1 {
			t.Errorf("%d prompts again, %d launches", n, r.backend.Launches.Load())
		}
	})
}

// TestNaturalPromptsAreSaidToBeSeen: nothing can be varied there.
func TestNaturalPromptsAreSaidToBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		r := newRig(t)
		m.serve(r)
		c := attachedCell("a", "http://one:1", 10)
		c.Isolation.PrefixCache = "natural"
		r.apply(t.Context(), r.plan(c))
		said := 0
		for _, past := range r.history() {
			said += strings.Count(rowWarnings(t, past.Dir), "has had them before")
		}
		if said != 1 {
			t.Errorf("said of %d of 2 launches that the server knew the prompts", said)
		}
	})
}

// TestUsageErrorIsSaidOnce: what an engine refuses for how it is called is not tried at each size and launch.
func TestUsageErrorIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		args := cell.Values{"max_num_seq": int64(8)}
		r.backend.OnLaunch = func(_ context.Context, _ int, spec backends.Spec) (backends.Engine, error) {
			if spec.Cell.Platform.Args["max_num_seq"] != nil {
				return nil, &backends.LaunchError{Class: launch.UnknownArgument, Err: errors.New("unrecognized arguments: --max-num-seq 8")}
			}
			return runnertest.NewEngine(), nil
		}
		var cells []*cell.Cell
		for _, batch := range []int{10, 20, 30} {
			c := runnertest.Cell("a", batch)
			c.Launches, c.Platform = 2, &cell.Platform{ID: "a", Backend: runnertest.Platform, Args: args}
			cells = append(cells, c)
		}
		sum := r.apply(t.Context(), r.plan(append(cells, runnertest.Cell("other", 10))...))
		if sum.Failed != 1 || sum.Complete != 1 || sum.NotRun != 5 || r.backend.Launches.Load() != 2 {
			t.Errorf("%+v after %d launches", sum, r.backend.Launches.Load())
		}
		said := 0
		for _, e := range r.events {
			said += strings.Count(e.Message, "its other launches with these arguments are left out")
		}
		if said != 1 {
			t.Errorf("said %d times", said)
		}
	})
}

// rowWarnings are those of an attempt's row.
func rowWarnings(t *testing.T, dir string) string {
	t.Helper()
	row, err := table.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(row.Warnings())
}
