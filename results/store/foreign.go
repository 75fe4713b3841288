package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ForeignError says that the folder an experiment's results would land in holds something else.
// Nothing has been written then.
type ForeignError struct {
	Dir   string   // the folder, absolute
	Holds []string // some of what is there
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s holds something that is not an experiment's results (%s)", e.Dir, strings.Join(e.Holds, ", "))
}

// Foreign returns a *ForeignError when the folder of an experiment holds something that is not an experiment's results:
// this project's own checkout, for instance, has Go packages there. No name is forbidden; what lies there decides. An
// experiment's folder is known by a source, an attempt, a mark or a shared server's folder in it.
// nil where nothing is there yet. Hidden files are nobody's; an empty folder is what a crash left.
func (s *Store) Foreign(experiment string) error {
	dir := filepath.Join(s.root, experiment)
	if _, err := os.Stat(filepath.Join(dir, sourcesDir)); err == nil && ownFolder(dir, sourcesDir) {
		return nil // without reading a folder of 50,000 cells
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // not there, or told by who writes
	}
	var holds []string
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir() && ownFolder(dir, e.Name()):
			return nil
		case e.IsDir() && empty(filepath.Join(dir, e.Name())): // made, and then the power went: nobody's, and harmless
		default:
			holds = append(holds, e.Name())
		}
	}
	if len(holds) == 0 {
		return nil
	}
	// enough for a person to see what it is
	if most := 3; len(holds) > most {
		holds = append(holds[:most], "…")
	}
	return &ForeignError{Dir: dir, Holds: holds}
}

// isSum reports a SHA-256 in hexadecimal, by which a source is named.
func isSum(name string) bool {
	sum, err := hex.DecodeString(name)
	return err == nil && len(sum) == sha256.Size
}

func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) == 0
}

// ownFolder reports whether a folder below an experiment's is one that the store makes.
func ownFolder(dir, name string) bool {
	entries, err := os.ReadDir(filepath.Join(dir, name))
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		if name == sourcesDir {
			return isSum(e.Name())
		}
		return e.IsDir() && (attemptName(e.Name()) || e.Name() == marksDir)
	})
}
