// Package store owns attempts on disk: how one is begun, written, suspended, resumed and committed by one rename; what a
// crash leaves and how it is ended; what a tree's history says; marks, locks and merges. It knows no column and no formula.
package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"unicode"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
)

// Store is a tree of committed attempts.
// Its methods are safe for concurrent use, but those that say that the caller holds the lock. The fields are set before
// its first use.
type Store struct {
	Version string            // of matrix, noted in manifests
	Notice  func(text string) // told what had to be set aside, and what could not be read, once; nil = nobody
	// ReadOnly: a reading leaves nothing behind, not even the index that makes the next one faster.
	ReadOnly bool

	root    string
	fs      *disk.FS
	ballast int64        // bytes of room set aside; 0 = none
	apart   string       // below .matrix; "" = .matrix itself
	guard   func() error // asked right before an attempt is published; nil = nobody

	sources sync.Mutex // attempts that begin side by side have the same source
	sayOnce sync.Mutex // guards said
	said    map[string]bool
}

// Open returns the store at root; nothing is created before it is needed.
// It opens nothing and holds nothing: there is no Close.
func Open(root string) (*Store, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open results: %s is a file, not a folder", root)
	}
	return &Store{root: abs, fs: &disk.FS{}, ballast: ballastBytes, Version: buildVersion()}, nil
}

// buildVersion is the module's version, "(devel)" where it was built from a checkout; the program sets its own.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// Root is the folder of the tree, absolute.
func (s *Store) Root() string { return s.root }

// Folders and files of the tree.
const (
	innerDir   = ".matrix"
	workDir    = "work"
	sourcesDir = "sources"
	marksDir   = "marks"
	logFile    = "server.log"
)

// inner is a path below .matrix, in this machine's own part of it where the tree is filled by several.
func (s *Store) inner(parts ...string) string {
	return filepath.Join(append([]string{s.root, innerDir, s.apart}, parts...)...)
}

// Inner is the folder of what is no result: the lock, work in progress, the last plan.
// It need not be there.
func (s *Store) Inner() string { return s.inner() }

// Apart is the same tree for one of several machines that fill it at once: its lock and its work in progress lie in a
// folder of their own below .matrix, what it commits lands beside everybody's. The guard is asked right before an
// attempt is published; its error keeps the attempt in work.
// It sets no ballast aside.
func (s *Store) Apart(dir string, guard func() error) *Store {
	return &Store{Version: s.Version, Notice: s.Notice, ReadOnly: s.ReadOnly, root: s.root, fs: s.fs, apart: dir, guard: guard}
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
// No separator and no "..", nor a name that hides itself: none of ours begins with a dot.
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
// ParseStrict takes small letters, too; folders are written with large ones.
func attemptName(name string) bool {
	_, err := ulid.ParseStrict(name)
	return err == nil && name == strings.ToUpper(name)
}

// idAfter is a ULID that sorts behind those that names begin with, also where the clock was set back, or was another machine's:
// what came last is what counts.
func idAfter(names []string) string {
	id := ulid.Make()
	for _, name := range names {
		last, err := ulid.ParseStrict(strings.TrimSuffix(name, ".json"))
		if err == nil && last.Compare(id) >= 0 {
			_ = id.SetTime(last.Time() + 1) // fails in the year 10889
		}
	}
	return id.String()
}

// notice tells the user, once, what happened to their results beside what they asked for.
// Once a text, for the store's lifetime: many readers meet the same fault.
func (s *Store) notice(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	s.sayOnce.Lock()
	defer s.sayOnce.Unlock()
	if s.Notice == nil || s.said[text] {
		return
	}
	if s.said == nil {
		s.said = map[string]bool{}
	}
	s.said[text] = true
	s.Notice(text)
}

// folders are the folders in dir that are not hidden, sorted; none when dir is missing.
func folders(dir string) ([]string, error) { return foldersRead(&Store{}, dir) }

// foldersRead are those of results that are read. A link is not followed, and told: somebody may have moved results to
// another disk.
func foldersRead(s *Store, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the results in %s: %w", dir, err)
	}
	var out []string
	for _, e := range entries {
		switch path := filepath.Join(dir, e.Name()); {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			out = append(out, e.Name())
		case e.Type()&os.ModeSymlink != 0 && isFolder(path):
			s.notice("%s is a link: results behind it are not read. Move the folder itself here, or link the whole results folder", path)
		}
	}
	return out, nil
}

// isFolder follows links.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// notWritable says what to do about a tree that takes no files.
func notWritable(root string, err error) error {
	return fmt.Errorf("the results folder %s cannot be written (choose another with --results): %w", root, err)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return name
}

// passing reports that an attempt may stay in work/ for another try: nothing is wrong with it.
// A full disk, too few descriptors, a guard: tried again later, it may well work.
func passing(err error) bool { return errors.Is(err, errGuard) || disk.Wanting(err) }

// errGuard says that who may publish forbade it: another task does the work.
var errGuard = errors.New("it may not be published")

// trashPrefix hides a work folder that is being removed.
const trashPrefix = ".trash-"

// discard removes a work folder. Out of sight by one rename first: a removal that a crash cuts in half must
// not look like an attempt without its description.
func (s *Store) discard(dir string) error {
	trash := filepath.Join(filepath.Dir(dir), trashPrefix+filepath.Base(dir))
	if err := s.fs.Rename(dir, trash); err != nil {
		return err
	}
	return s.fs.RemoveAll(trash)
}
