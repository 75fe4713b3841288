package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matrix/results/record"
	"matrix/results/table"
)

// resealed changes the manifest of a committed attempt as somebody who knows the format can, its own checksum included.
func resealed(t *testing.T, p Past, change func(m *record.Manifest)) {
	t.Helper()
	m := p.Manifest
	m.Files = map[string]record.FileSum{}
	for name, sum := range p.Files {
		m.Files[name] = sum
	}
	m.Self = ""
	change(&m)
	if _, err := (building{&Attempt{store: &Store{fs: testStore(t).fs}}, p.Dir}).manifest(m); err != nil {
		t.Fatal(err)
	}
}

// listing puts a file that lies elsewhere into the manifest under a name that leads there.
func listing(t *testing.T, p Past, name, lies string) {
	t.Helper()
	sum, err := table.SumFile(lies)
	must(t, err)
	resealed(t, p, func(m *record.Manifest) { m.Files[name] = sum })
}

// attacks make a tree, of which outside holds a secret and a victim, hostile.
var attacks = map[string]func(t *testing.T, p Past, outside string){
	"a name with dots": func(t *testing.T, p Past, outside string) {
		rel, err := filepath.Rel(p.Dir, filepath.Join(outside, "victim"))
		must(t, err)
		listing(t, p, rel, filepath.Join(outside, "victim"))
	},
	"an absolute name": func(t *testing.T, p Past, outside string) {
		listing(t, p, filepath.Join(outside, "victim"), filepath.Join(outside, "victim"))
	},
	"a name of no table": func(t *testing.T, p Past, outside string) {
		must(t, os.WriteFile(filepath.Join(p.Dir, "Makefile"), []byte("all:\n"), 0o644))
		listing(t, p, "Makefile", filepath.Join(p.Dir, "Makefile"))
	},
	"a folder's name": func(t *testing.T, p Past, outside string) {
		resealed(t, p, func(m *record.Manifest) { m.Files["."] = record.FileSum{} })
	},
	"a log that is a link": func(t *testing.T, p Past, outside string) {
		must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(p.Dir, logFile)))
		listing(t, p, logFile, filepath.Join(outside, "secret"))
	},
	"a table that is a link": func(t *testing.T, p Past, outside string) {
		path := filepath.Join(p.Dir, record.TableRun+".parquet")
		moved := filepath.Join(outside, "run")
		must(t, errors.Join(os.Rename(path, moved), os.Symlink(moved, path)))
	},
	"a table that is a FIFO": func(t *testing.T, p Past, outside string) {
		path := filepath.Join(p.Dir, record.TableRun+".parquet")
		must(t, errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)))
		resealed(t, p, func(m *record.Manifest) { m.Files[record.TableRun+".parquet"] = record.FileSum{} })
	},
	"a manifest that is a FIFO": func(t *testing.T, p Past, outside string) {
		path := filepath.Join(p.Dir, table.ManifestFile)
		must(t, errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)))
	},
	"a manifest that is a link": func(t *testing.T, p Past, outside string) {
		path := filepath.Join(p.Dir, table.ManifestFile)
		moved := filepath.Join(outside, "manifest")
		must(t, errors.Join(os.Rename(path, moved), os.Symlink(moved, path)))
	},
	"a manifest without an end": func(t *testing.T, p Past, outside string) {
		must(t, os.Truncate(filepath.Join(p.Dir, table.ManifestFile), table.MaxDocument+1))
	},
	"another attempt's manifest": func(t *testing.T, p Past, outside string) {
		resealed(t, p, func(m *record.Manifest) { m.Experiment = "../../escaped" })
	},
	"a mark that is a link": func(t *testing.T, p Past, outside string) {
		plant(t, p, marksDir, "01J00000000000000000000000.json", func(path string) error { return os.Symlink(filepath.Join(outside, "secret"), path) })
	},
	"marks that are a link": func(t *testing.T, p Past, outside string) {
		must(t, os.Symlink(outside, filepath.Join(filepath.Dir(p.Dir), marksDir)))
	},
	"a mark that is a FIFO": func(t *testing.T, p Past, outside string) {
		plant(t, p, marksDir, "01J00000000000000000000000.json", func(path string) error { return syscall.Mkfifo(path, 0o644) })
	},
	"a source that is a link": func(t *testing.T, p Past, outside string) {
		plant(t, p, "../sources", strings.Repeat("ab", 32), func(path string) error { return os.Symlink(filepath.Join(outside, "secret"), path) })
	},
	"a source with another name": func(t *testing.T, p Past, outside string) {
		plant(t, p, "../sources", "Makefile", func(path string) error { return os.WriteFile(path, []byte("all:\n"), 0o755) })
	},
	"a server's log that is a FIFO": func(t *testing.T, p Past, outside string) {
		plant(t, p, "../launches/"+p.Attempt, logFile, func(path string) error { return syscall.Mkfifo(path, 0o644) })
	},
	"a server's folder that is a link": func(t *testing.T, p Past, outside string) {
		plant(t, p, "../launches", p.Attempt, func(path string) error { return os.Symlink(outside, path) })
	},
	"an experiment that is a link": func(t *testing.T, p Past, outside string) {
		must(t, os.Symlink(outside, filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(p.Dir))), "linked")))
	},
}

func plant(t *testing.T, p Past, folder, name string, put func(path string) error) {
	t.Helper()
	dir := filepath.Join(filepath.Dir(p.Dir), folder)
	must(t, errors.Join(os.MkdirAll(dir, 0o755), put(filepath.Join(dir, name))))
}

// No name that came from a tree leads out of it, nothing but files is read, and a hostile attempt keeps nobody from the
// good one beside it.
func TestHostileTrees(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			into, from, outside := testStore(t), testStore(t), t.TempDir()
			const secret = "-----BEGIN PRIVATE KEY-----"
			must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte(secret), 0o600))
			must(t, os.WriteFile(filepath.Join(outside, "victim"), []byte("theirs"), 0o644))
			good, bad := keptAttempt(t, from), keptAttempt(t, from)
			attack(t, bad, outside)
			before := everything(t, outside)
			m, err := into.Merge(t.Context(), from)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Taken)+len(m.Damaged) != 2 || m.Taken[0].Attempt != good.Attempt {
				t.Errorf("taken %d, damaged %d", len(m.Taken), len(m.Damaged))
			}
			for path, text := range everything(t, into.root) {
				if strings.Contains(text, secret) || strings.HasSuffix(path, "Makefile") {
					t.Errorf("%s came along", path)
				}
			}
			if after := everything(t, outside); len(after) != len(before) || after["victim"] != "theirs" {
				t.Errorf("outside the trees: %d files became %d, the victim %q", len(before), len(after), after["victim"])
			}
			for _, s := range []*Store{from, into} {
				if _, err := s.Verify(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := s.Recall(t.Context(), good.Experiment); err != nil {
					t.Error(err)
				}
			}
			if bad, err := into.Verify(t.Context()); err != nil || len(bad) != 0 {
				t.Errorf("what was taken over: %v, %v", bad, err)
			}
			found, err := from.Verify(t.Context())
			if ofAttempt := len(m.Damaged); err != nil || len(found) != ofAttempt {
				t.Errorf("verify finds %d, merge left %d out; %v", len(found), ofAttempt, err)
			}
		})
	}
}

// everything is the content of each regular file by its path below root; anything else is an error of the test.
func everything(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			t.Errorf("%s is no regular file", path)
			return nil
		}
		doc, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root+"/")] = string(doc)
		return err
	}))
	return files
}
