package install

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Cache is the folder that engines are installed in, shared by all experiments of a user: $MATRIX_ENGINES, else
// matrix/engines in the user's cache.
// A relative path is passed over, as the XDG rules ask: it would be another folder from each place.
func Cache() string {
	if dir := os.Getenv("MATRIX_ENGINES"); filepath.IsAbs(dir) {
		return dir
	}
	base := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(base) {
		home, _ := os.UserHomeDir() // unknown: below the working folder
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "matrix", "engines")
}

// noteFile lies in each installed folder.
const noteFile = "matrix-engine.json"

// Installed is one folder of the cache.
type Installed struct {
	Folder string     `json:"-"`     // absolute; its name is the lock's hash
	Bytes  int64      `json:"-"`     // on the disk, linked files included
	Asked  string     `json:"asked"` // what the lock was found by
	Lock   *cell.Lock `json:"lock"`  // nil where the note is damaged
	Made   time.Time  `json:"made"`  // when it was whole; zero where the note is damaged
}

// Hash is that of the lock.
func (i Installed) Hash() string { return filepath.Base(i.Folder) }

// reHash is the name of an installation's folder: the SHA-256 of its lock.
var reHash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// part is the ending of a folder that is being made.
const part = ".part"

// List is what a cache holds, oldest first; folders of other names are somebody else's.
// A cache that is not there is empty. A damaged installation is listed, since it takes room and can be removed.
func List(cache string) ([]Installed, error) {
	entries, err := os.ReadDir(cache)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("look for installed engines: %w", err)
	}
	var all []Installed
	for _, e := range entries {
		if !reHash.MatchString(e.Name()) {
			continue
		}
		i := Installed{Folder: filepath.Join(cache, e.Name())}
		note, err := os.ReadFile(filepath.Join(i.Folder, noteFile))
		if err == nil {
			err = json.Unmarshal(note, &i)
		}
		if err != nil {
			i.Asked = "damaged: " + err.Error()
		}
		i.Bytes = backends.FolderBytes(i.Folder) // those that uv links into its own cache count as well
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b Installed) int { return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.Folder, b.Folder)) })
	return all, nil
}

// Remove takes an installed engine away: first out of its name, so that half of one is never found.
// A crash within leaves a .part, which Sweep finds.
func Remove(i Installed) error {
	gone := i.Folder + part
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove an engine: %w", err)
	}
	if err := os.Rename(i.Folder, gone); err != nil {
		return fmt.Errorf("remove an engine: %w", err)
	}
	return os.RemoveAll(gone)
}

// Locked holds the cache against another fetch or gc until release is called; waits is told that one is at work.
// The lock is the kernel's (flock), so it ends with the process, however that dies; the file stays.
func Locked(ctx context.Context, cache string, waits func()) (release func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for engines: %w", err)
	}
	lock := flock.New(filepath.Join(cache, ".fetch.lock"))
	if got, err := lock.TryLock(); err == nil && got {
		return func() { _ = lock.Unlock() }, nil
	}
	waits()
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil {
		return nil, fmt.Errorf("wait for another fetch: %w", err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// Sweep removes what a killed fetch or gc left half made. The cache must be held.
func Sweep(cache string) error {
	left, err := fs.Glob(os.DirFS(cache), "*"+part) // the folder's name is no pattern
	for _, name := range left {
		if reHash.MatchString(strings.TrimSuffix(name, part)) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(cache, name)))
		}
	}
	return err
}

// keptFile lists the files of experiments whose engines are kept, one a line.
const keptFile = ".experiments"

// Keep notes that files of experiments name engines of the cache.
// The cache must be held: two that read and write at once would lose one's files.
func Keep(cache string, files []string) error {
	all, err := Kept(cache)
	if err != nil {
		return err
	}
	for _, file := range files {
		if abs, err := filepath.Abs(file); err == nil && !slices.Contains(all, abs) {
			all = append(all, abs)
		}
	}
	slices.Sort(all)
	temp := filepath.Join(cache, keptFile+part)
	if err := os.WriteFile(temp, []byte(strings.Join(all, "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("note whose engines are kept: %w", err)
	}
	return os.Rename(temp, filepath.Join(cache, keptFile))
}

// Kept are the files that were noted and still there.
// Whose file is gone needs no engine any more. A cache without the list has none.
func Kept(cache string) (files []string, err error) {
	text, err := os.ReadFile(filepath.Join(cache, keptFile))
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read whose engines are kept: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		file := strings.TrimSuffix(line, "\n")
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files, nil
}
