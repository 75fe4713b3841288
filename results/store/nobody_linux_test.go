package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/nobody"
)

// A folder that may not be read is a finding; the results beside it are there.
func TestUnreadableFolders(t *testing.T) {
	s := testStore(t)
	good := keptAttempt(t, s)
	for _, dir := range []string{filepath.Join(s.root, "lost+found"), filepath.Join(filepath.Dir(filepath.Dir(good.Dir)), "somebody-elses")} {
		must(t, os.Mkdir(dir, 0))
	}
	must(t, errors.Join(os.Chmod(filepath.Dir(s.root), 0o755), os.Chmod(s.root, 0o755)))
	var said []string
	s.Notice = func(text string) { said = append(said, text) }
	nobody.Do(t, func() {
		for range 2 {
			if past, err := s.History(t.Context(), ""); err != nil || len(past) != 1 {
				t.Errorf("history: %d, %v", len(past), err)
			}
			if bad, err := s.Verify(t.Context()); err != nil || len(bad) != 0 {
				t.Errorf("verify: %v, %v", bad, err)
			}
		}
	})
	if len(said) != 2 || !strings.Contains(said[0]+said[1], "lost+found") {
		t.Errorf("said %q", said)
	}
}
