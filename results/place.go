package results

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/oklog/ulid/v2"
)

// Folders and files of the tree.
const (
	innerDir   = ".matrix"
	workDir    = "work"
	sourcesDir = "sources"
	marksDir   = "marks"
	logFile    = "server.log"
)

func (s *Store) inner(parts ...string) string {
	return filepath.Join(append([]string{s.root, innerDir, s.apart}, parts...)...)
}

// Inner is the folder of what is no result: the lock, work in progress, the last plan.
func (s *Store) Inner() string { return s.inner() }

// Apart is the same tree for one of several machines that fill it at once: its lock and its work in progress lie in a
// folder of their own below .matrix, what it commits lands beside everybody's. The guard is asked right before an
// attempt is published; its error keeps the attempt in work.
func (s *Store) Apart(dir string, guard func() error) *Store {
	return &Store{Version: s.Version, Notice: s.Notice, root: s.root, fs: s.fs, apart: dir, guard: guard}
}

// cellDir is the folder of a cell. Names come from a user's file, so both are checked: nothing may be
// written outside the tree.
func (s *Store) cellDir(experiment, slug string) (string, error) {
	for what, name := range map[string]string{"experiment": experiment, "cell": slug} {
		if err := checkName(name); err != nil {
			return "", fmt.Errorf("place %s %q in the results: %w", what, name, err)
		}
	}
	return filepath.Join(s.root, experiment, slug), nil
}

// checkName accepts one plain folder name: letters, digits, and ".", "_", "-", "+", "=", "," not in front.
func checkName(name string) error {
	if name == "" || len(name) > 255 {
		return fmt.Errorf("a folder name has 1 to 255 bytes")
	}
	for i, r := range name {
		inside := i > 0 && strings.ContainsRune(".-+=,", r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && !inside {
			return fmt.Errorf("character %q at byte %d cannot stand in a folder name", r, i)
		}
	}
	return nil
}

// attemptName reports whether a folder's name is an attempt's.
func attemptName(name string) bool {
	_, err := ulid.ParseStrict(name)
	return err == nil && name == strings.ToUpper(name)
}
