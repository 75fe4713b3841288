package summary

import (
	"encoding/json"
	"testing"

	"matrix/experiments/cell"
	"matrix/results/record"
	"matrix/results/store"
)

// attempt commits one launch of a cell under an identity.
func attempt(t *testing.T, store *store.Store, identity string, launch int, status string) string {
	t.Helper()
	c := &cell.Cell{Experiment: "e", BatchSize: 1, Address: "ab", Slug: "cell-ab",
		Platform: &cell.Platform{ID: "p"}, Model: &cell.Model{ID: "m"}}
	a, err := store.Begin(c, cell.Identity{Address: "ab", Hash: identity}, launch, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Append(row(0, 1, 1), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(status, "done", "", record.Run{Planned: 1, Mode: "closed", Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	return a.Manifest().Attempt
}

func accept(t *testing.T, store *store.Store, id, identity string) {
	t.Helper()
	doc, err := json.Marshal(cell.Identity{Address: "ab", Hash: identity})
	if err == nil {
		err = store.Accept("e", "cell-ab", id, doc, "a patch release", "me")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func launchIDs(c *Cell) (ids []string) {
	for _, a := range c.Launches {
		ids = append(ids, a.Attempt)
	}
	return ids
}

func TestAcceptedAttemptsCount(t *testing.T) {
	root := t.TempDir()
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, identity string, older, tainted int, want ...string) {
		t.Helper()
		c := load(t, root).Cells[0]
		if got := launchIDs(c); c.Identity != identity || c.Older != older || c.Tainted != tainted || len(got) != len(want) {
			t.Fatalf("%s: identity %s, %d older, %d tainted, launches %v, want %v", what, c.Identity, c.Older, c.Tainted, got, want)
		}
		for i, id := range launchIDs(c) {
			if id != want[i] {
				t.Errorf("%s: launch %d is %s, not %s", what, i+1, id, want[i])
			}
		}
	}
	first, second := attempt(t, store, "v1", 1, record.Complete), attempt(t, store, "v1", 2, record.Complete)
	void := attempt(t, store, "v1", 3, record.Complete)
	if err := store.Taint("e", "cell-ab", void, "a noisy neighbour", "me"); err != nil {
		t.Fatal(err)
	}
	attempt(t, store, "v2", 1, record.Interrupted)
	check("nothing accepted", "v2", 2, 1)
	accept(t, store, first, "v2")
	check("one accepted", "v2", 1, 1, first)
	accept(t, store, "", "v2")
	check("all accepted, the tainted one still void", "v2", 0, 1, first, second)
	accept(t, store, second, "v3")
	check("accepted for what was asked since", "v3", 2, 1, second)
	third := attempt(t, store, "v2", 1, record.Complete)
	check("a result of its own", "v2", 2, 1, third)
}
