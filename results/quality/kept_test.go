package quality

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
)

// What was measured is read again and not measured, until anything that it was measured from is another.
func TestKept(t *testing.T) {
	root := t.TempDir()
	plant := func(platform string) {
		summarytest.Plant(t, root, summarytest.Cell{Platform: platform, Size: 12, Launches: []summarytest.Launch{{Text: func(i int) string { return fmt.Sprintf(`{"score": %d, "of": "%s"}`, i, platform) }}}})
	}
	plant("a")
	plant("b")
	prompts := Prompts{"1": {Text: "give JSON", Reference: `{"score": 1}`}}
	measured, readOnly := 0, false
	ask := func(p Prompts) *Report {
		t.Helper()
		tree, err := store.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		set, err := summary.Load(t.Context(), tree, root)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Kept(t.Context(), set, p, readOnly, func(done, all int) {
			if done == all {
				measured++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := ask(prompts)
	if again := ask(prompts); measured != 1 || !reflect.DeepEqual(first, again) || len(first.Pairs) != 1 || len(first.Pairs[0].Fields) != 2 || first.Cells[0].Accuracy == nil {
		t.Fatalf("measured %d times:\n%+v\n%+v", measured, first, again)
	}
	if other := ask(nil); measured != 2 || other.Cells[0].Accuracy != nil {
		t.Errorf("without references: measured %d times, %+v", measured, other.Cells[0])
	}
	prompts["1"] = Prompt{Reference: `{"score": 2}`}
	if ask(prompts); measured != 3 {
		t.Errorf("another reference: measured %d times", measured)
	}
	plant("c")
	if r := ask(prompts); measured != 4 || len(r.Cells) != 3 {
		t.Errorf("a cell more: measured %d times, %d cells", measured, len(r.Cells))
	}
	files, err := filepath.Glob(filepath.Join(root, ".matrix", "quality", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if ask(prompts); measured != 5 {
		t.Error("a damaged file was believed")
	}
	kept, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	readOnly, prompts["1"] = true, Prompt{Reference: `{"score": 3}`}
	if ask(prompts); measured != 6 {
		t.Errorf("another reference, in a tree that is only read: measured %d times", measured)
	}
	if after, err := os.Stat(files[0]); err != nil || !os.SameFile(kept, after) {
		t.Errorf("what is only read was written: %v", err)
	}
}

// The bit-parallel length is that of the table that everybody knows.
func TestLongestCommon(t *testing.T) {
	words := func(n, step, of int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint(i*step%of))
		}
		return out
	}
	for _, c := range [][2][]string{{words(50, 7, 11), words(60, 3, 13)}, {words(200, 5, 17), words(190, 7, 19)}, {words(64, 1, 64), words(64, 1, 64)}, {words(65, 1, 9), words(3, 1, 9)}, {words(130, 1, 130), words(1, 1, 1)}} {
		row := make([]int, len(c[1])+1)
		for _, x := range c[0] {
			diagonal := 0
			for j, y := range c[1] {
				above := row[j+1]
				if row[j+1] = max(above, row[j]); x == y {
					row[j+1] = diagonal + 1
				}
				diagonal = above
			}
		}
		if got := (&reading{words: c[0]}).longestCommon(c[1]); got != row[len(c[1])] {
			t.Errorf("%d of %d and %d words, want %d", got, len(c[0]), len(c[1]), row[len(c[1])])
		}
	}
}
