// Package planted reads what summarytest plants. It is apart from that because package summary's own tests plant, too.
package planted

import (
	"testing"

	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// Read plants cells into a tree of its own and reads it.
// The tree is the test's own, and goes with it.
func Read(t testing.TB, cells ...summarytest.Cell) *summary.Set {
	t.Helper()
	root := t.TempDir()
	summarytest.Plant(t, root, cells...)
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
