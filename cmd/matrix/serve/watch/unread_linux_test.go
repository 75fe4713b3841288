package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/nobody"
	"matrix/runner/apply"
)

// What may not be read is said: an apply of somebody else may run there, and none was seen.
func TestUnread(t *testing.T) {
	for closed, named := range map[string]string{"": "", "cluster/01RUN/claims": "claims: permission denied", apply.BoardFile: apply.BoardFile + ": permission denied", ".": "running.json: permission denied"} {
		w := watch(t)
		w.beat(w.at)
		w.file("{}", "cluster", "01RUN", "claims", "abc-1", "other")
		inner := filepath.Join(w.root, ".matrix")
		if err := errors.Join(os.Chmod(w.root, 0o755), os.Chmod(filepath.Dir(w.root), 0o755)); err != nil {
			t.Fatal(err)
		}
		if closed != "" {
			if err := os.Chmod(filepath.Join(inner, closed), 0); err != nil {
				t.Fatal(err)
			}
		}
		var got []Message
		nobody.Do(t, func() { got = w.after(2 * lookAround) })
		n, is := got[len(got)-1].Data.(Now)
		if told := strings.Join(n.Unseen, "; "); !is || n.Gone || (told == "") != (closed == "") || !strings.Contains(told, named) {
			t.Errorf("closed %q: %+v", closed, n)
		}
		if hidden := closed == "." || closed == apply.BoardFile; hidden == (len(n.Apply) == 1) {
			t.Errorf("closed %q: applies %+v", closed, n.Apply)
		}
		if err := os.Chmod(filepath.Join(inner, closed), 0o755); err != nil { // or it is not removed
			t.Fatal(err)
		}
	}
}
