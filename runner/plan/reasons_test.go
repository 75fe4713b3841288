package plan

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/runner/runnertest"
)

// attempt is one past attempt in a table: launch number, status, then what spoils it.
type attempt struct {
	launch  int
	status  string
	reason  string
	problem string
	tainted string
	spec    string // "" = as the cell is now
	backend string
}

func pastOf(c *cell.Cell, attempts []attempt) []store.Past {
	var past []store.Past
	for i, a := range attempts {
		id := runnertest.Identity(c.Address, map[string]string{"spec": a.spec, "backend": a.backend})
		past = append(past, store.Past{Problem: a.problem, Tainted: a.tainted, Manifest: record.Manifest{
			Experiment: "exp", Address: c.Address, Slug: c.Slug, Launch: a.launch, Attempt: fmt.Sprintf("a%d", i), Status: a.status,
			Reason: a.reason, Identity: id, Platform: c.Platform.ID, Model: c.Model.ID}})
	}
	return past
}

func TestVerdict(t *testing.T) {
	const ok, died, cut, env, stop = record.Complete, record.EngineFailed, record.Censored, record.EnvironmentFailed, record.Interrupted
	old := `{"max_num_seqs":128}`
	tests := map[string]struct {
		launches int
		past     []attempt
		filter   Filter
		missing  error

		state   State
		reasons []Reason
		run     []int
		done    int
		detail  string
	}{
		"never run":                   {launches: 2, state: New, reasons: []Reason{ReasonNew}, run: []int{1, 2}},
		"done":                        {launches: 2, past: []attempt{{launch: 1, status: ok}, {launch: 2, status: ok}}, state: Done, done: 2},
		"2 of 3":                      {launches: 3, past: []attempt{{launch: 1, status: ok}, {launch: 3, status: ok}}, state: Partial, reasons: []Reason{ReasonIncomplete}, run: []int{2}, done: 2},
		"3 raised to 5":               {launches: 5, past: []attempt{{launch: 1, status: ok}, {launch: 2, status: ok}, {launch: 3, status: ok}}, state: Partial, reasons: []Reason{ReasonIncomplete}, run: []int{4, 5}, done: 3},
		"5 lowered to 1":              {launches: 1, past: []attempt{{launch: 1, status: ok}, {launch: 5, status: ok}}, state: Done, done: 2},
		"engine died":                 {launches: 2, past: []attempt{{launch: 1, status: died, reason: "engine died (oom)"}, {launch: 2, status: died, reason: "engine died (oom)"}}, state: FailedState, detail: "2 of 2 launches: engine died (oom)"},
		"censored":                    {launches: 1, past: []attempt{{launch: 1, status: cut, reason: "limit"}}, state: FailedState, detail: "1 of 1 launches: limit"},
		"one died, one to go":         {launches: 2, past: []attempt{{launch: 1, status: died, reason: "oom"}}, state: Partial, reasons: []Reason{ReasonIncomplete}, run: []int{2}, detail: "1 of 1 launches: oom"},
		"rerun failed":                {launches: 1, past: []attempt{{launch: 1, status: died}}, filter: Filter{Rerun: []string{"failed"}}, state: Partial, reasons: []Reason{ReasonRequested}, run: []int{1}},
		"rerun censored only":         {launches: 1, past: []attempt{{launch: 1, status: died, reason: "oom"}}, filter: Filter{Rerun: []string{"censored"}}, state: FailedState, detail: "1 of 1 launches: oom"},
		"died, then went well":        {launches: 1, past: []attempt{{launch: 1, status: died}, {launch: 1, status: ok}}, filter: Filter{Rerun: []string{"failed"}}, state: Done, done: 1},
		"environment":                 {launches: 1, past: []attempt{{launch: 1, status: env, reason: "port 8000 is taken"}}, state: Partial, reasons: []Reason{ReasonEnvironmentFailed}, run: []int{1}, detail: "port 8000 is taken"},
		"interrupted":                 {launches: 1, past: []attempt{{launch: 1, status: stop, reason: "in the load"}}, state: Partial, reasons: []Reason{ReasonInterrupted}, run: []int{1}, detail: "in the load"},
		"environment, then ok":        {launches: 1, past: []attempt{{launch: 1, status: env}, {launch: 1, status: ok}}, state: Done, done: 1},
		"missing file":                {launches: 1, past: []attempt{{launch: 1, status: ok, problem: "result_missing"}}, state: Partial, reasons: []Reason{ReasonMissing}, run: []int{1}, detail: "attempt a0"},
		"corrupt":                     {launches: 1, past: []attempt{{launch: 1, status: ok, problem: "result_corrupt"}}, state: Partial, reasons: []Reason{ReasonCorrupt}, run: []int{1}, detail: "attempt a0"},
		"unverified":                  {launches: 1, past: []attempt{{launch: 1, status: ok, problem: "unverified"}}, state: Partial, reasons: []Reason{ReasonUnverified}, run: []int{1}, detail: "attempt a0"},
		"corrupt, redone":             {launches: 1, past: []attempt{{launch: 1, status: ok, problem: "result_corrupt"}, {launch: 1, status: ok}}, state: Done, done: 1},
		"tainted":                     {launches: 2, past: []attempt{{launch: 1, status: ok, tainted: "fan broken"}, {launch: 2, status: ok}}, state: Partial, reasons: []Reason{ReasonIncomplete, ReasonTainted}, run: []int{1}, done: 1, detail: "tainted: fan broken"},
		"replaced":                    {launches: 2, past: []attempt{{launch: 1, status: ok}, {launch: 2, status: ok}}, filter: Filter{Replace: []string{"platform=a*"}}, state: Partial, reasons: []Reason{ReasonRequested}, run: []int{1, 2}, done: 2},
		"spec changed":                {launches: 2, past: []attempt{{launch: 1, status: ok, spec: old}}, state: Stale, reasons: []Reason{ReasonSpec}, run: []int{1, 2}},
		"two things changed":          {launches: 1, past: []attempt{{launch: 1, status: ok, spec: old, backend: `{"version":"1"}`}}, state: Stale, reasons: []Reason{ReasonSpec, ReasonBackend}, run: []int{1}},
		"a crash is stale too":        {launches: 1, past: []attempt{{launch: 1, status: died, spec: old}}, state: Stale, reasons: []Reason{ReasonSpec}, run: []int{1}},
		"changed, but never a result": {launches: 1, past: []attempt{{launch: 1, status: env, spec: old}}, state: New, reasons: []Reason{ReasonNew}, run: []int{1}},
		"changed back":                {launches: 1, past: []attempt{{launch: 1, status: ok}, {launch: 1, status: ok, spec: old}}, state: Done, done: 1},
		"other kind asked":            {launches: 1, past: []attempt{{launch: 1, status: ok, spec: old}}, filter: Filter{Rerun: []string{"backend"}}, state: Stale, detail: "changed, and left as it is by --rerun"},
		"that kind asked":             {launches: 1, past: []attempt{{launch: 1, status: ok, spec: old}}, filter: Filter{Rerun: []string{"spec"}}, state: Stale, reasons: []Reason{ReasonSpec}, run: []int{1}},
		"machine lacks it":            {launches: 1, missing: errors.New("no GPU"), state: Unavailable, reasons: []Reason{ReasonNew}, run: []int{1}},
		"lacks it, but done":          {launches: 1, past: []attempt{{launch: 1, status: ok}}, missing: errors.New("no GPU"), state: Done, done: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := runnertest.Cell("a", 10)
			c.Launches = tt.launches
			h := indexHistory(pastOf(c, tt.past), nil)
			h.store, h.ctx = openStore(t), t.Context()
			item := &Item{Cell: c, Identity: runnertest.Identity(c.Address, nil), Missing: tt.missing}
			h.judge(item, tt.filter)
			if item.State != tt.state || !slices.Equal(item.Reasons, tt.reasons) || !slices.Equal(item.Launches, tt.run) || item.Done != tt.done || item.Detail != tt.detail {
				t.Errorf("got  %s %v run %v done %d %q\nwant %s %v run %v done %d %q", item.State, item.Reasons, item.Launches, item.Done, item.Detail,
					tt.state, tt.reasons, tt.run, tt.done, tt.detail)
			}
			if item.Pending() != (len(item.Reasons) > 0) {
				t.Errorf("pending %v with reasons %v", item.Pending(), item.Reasons)
			}
		})
	}
}

// A saved plan asks for a repetition once: what began after it was made is that repetition.
func TestRepetitionIsAskedForOnce(t *testing.T) {
	asked := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		filter Filter
		status string
		want   []int
	}{
		"replace":      {Filter{Replace: []string{"a/m/10"}, Since: asked}, record.Complete, []int{2}},
		"replace, now": {Filter{Replace: []string{"a/m/10"}}, record.Complete, []int{1, 2}},
		"rerun":        {Filter{Rerun: []string{"failed"}, Since: asked}, record.EngineFailed, []int{2}},
		"rerun, now":   {Filter{Rerun: []string{"failed"}}, record.EngineFailed, []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			c := runnertest.Cell("a", 10)
			c.Launches = 2
			past := pastOf(c, []attempt{{launch: 1, status: tt.status}, {launch: 2, status: tt.status}})
			past[0].Began, past[1].Began = asked.Add(time.Minute), asked.Add(-time.Minute)
			h := indexHistory(past, nil)
			h.store, h.ctx = openStore(t), t.Context()
			item := &Item{Cell: c, Identity: runnertest.Identity(c.Address, nil)}
			h.judge(item, tt.filter)
			if !slices.Equal(item.Launches, tt.want) {
				t.Errorf("runs %v, want %v", item.Launches, tt.want)
			}
		})
	}
}

// A launch that was to be replaced and was interrupted midway goes on, though it has a result: what status offers and what
// apply does are one.
func TestInterruptedReplacementGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		status   string
		finished int64
		want     State
		run      []int
	}{
		"midway":           {record.Complete, 3, Partial, []int{1}},
		"of a failure":     {record.EngineFailed, 3, Partial, []int{1}},
		"before it began":  {record.Complete, 0, Done, nil},
		"failure, no rows": {record.EngineFailed, 0, FailedState, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := runnertest.Cell("a", 10)
			h := indexHistory(pastOf(c, []attempt{{launch: 1, status: tt.status}}), nil)
			h.store, h.ctx = openStore(t), t.Context()
			item := &Item{Cell: c, Identity: runnertest.Identity(c.Address, nil)}
			h.unfinished[launchKey{owned{hash: item.Identity.Hash}, 1}] = &leftover{id: "left", finished: tt.finished, planned: 10}
			h.judge(item, Filter{})
			if item.State != tt.want || !slices.Equal(item.Launches, tt.run) {
				t.Errorf("%s, runs %v", item.State, item.Launches)
			}
			if tt.run != nil && (item.Resume != "left" || !slices.Equal(item.Reasons, []Reason{ReasonInterrupted})) {
				t.Errorf("resumes %q for %v", item.Resume, item.Reasons)
			}
		})
	}
}

// A renamed label is another address with the same identity: its results are found.
func TestRenamedCellFindsItsResults(t *testing.T) {
	before, after := runnertest.Cell("a", 10), runnertest.Cell("renamed", 10)
	past := pastOf(before, []attempt{{launch: 1, status: record.Complete}})
	h := indexHistory(past, nil)
	h.store, h.ctx = openStore(t), t.Context()
	item := &Item{Cell: after, Identity: past[0].Identity}
	h.judge(item, Filter{})
	if item.State != Done {
		t.Errorf("got %s, want done", item.State)
	}
}

// Of two cells that ask for the same each is measured, and goes on with its own attempt; what bears another name now is still
// found beside them.
func TestTwinsHaveTheirOwnResults(t *testing.T) {
	first, twin, gone := runnertest.Cell("a", 10), runnertest.Cell("bb", 10), runnertest.Cell("ccc", 10)
	for name, tt := range map[string]struct {
		measured *cell.Cell
		want     State
		resume   string
	}{"the other": {first, New, ""}, "itself": {twin, Done, "left"}, "one renamed": {gone, Done, "left"}} {
		t.Run(name, func(t *testing.T) {
			past := pastOf(tt.measured, []attempt{{launch: 1, status: record.Complete}})
			cells := addresses{first.Address: true, twin.Address: true}
			h := indexHistory(past, cells)
			h.store, h.ctx = openStore(t), t.Context()
			item := &Item{Cell: twin, Identity: past[0].Identity}
			h.judge(item, Filter{})
			if item.State != tt.want {
				t.Errorf("got %s, want %s", item.State, tt.want)
			}
			h = indexHistory(nil, cells)
			h.store, h.ctx = openStore(t), t.Context()
			h.unfinished[launchKey{cells.own(&past[0].Manifest), 1}] = &leftover{id: "left", finished: 3, planned: 10}
			h.judge(item, Filter{})
			if _, l := leftOf(h.unfinished, item, 1); item.Resume != tt.resume || (l != nil) != (tt.resume != "") {
				t.Errorf("goes on with %q (%v), want %q", item.Resume, l, tt.resume)
			}
		})
	}
}

// What is not installed here has no version; that alone makes no result stale.
func TestUnknownVersionIsNoChange(t *testing.T) {
	tests := map[string]struct {
		now, then string
		want      State
	}{
		"unknown":        {`{"name":"vllm"}`, `{"name":"vllm","version":"0.32.0"}`, Done},
		"other engine":   {`{"name":"ollama"}`, `{"name":"vllm","version":"0.32.0"}`, Stale},
		"other version":  {`{"name":"vllm","version":"1"}`, `{"name":"vllm","version":"0.32.0"}`, Stale},
		"known by now":   {`{"name":"vllm","version":"1"}`, `{"name":"vllm"}`, Stale},
		"nothing at all": {`{}`, `{"name":"vllm"}`, Done},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := runnertest.Cell("a", 10)
			h := indexHistory(pastOf(c, []attempt{{launch: 1, status: record.Complete, backend: tt.then}}), nil)
			h.store, h.ctx = openStore(t), t.Context()
			item := &Item{Cell: c, Identity: runnertest.Identity(c.Address, map[string]string{"backend": tt.now})}
			h.judge(item, Filter{})
			if item.State != tt.want {
				t.Errorf("got %s, want %s", item.State, tt.want)
			}
		})
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 37000: "37,000", 1234567: "1,234,567"} {
		if got := format.Whole(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	store, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}
