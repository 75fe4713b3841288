package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"matrix/results/disk"
)

var errDevice = errors.New("input/output error")

// failing refuses the nth operation of a kind.
func failing(kind disk.Kind, nth int) disk.Hook {
	return func(op disk.Op) error {
		if op.Kind == kind {
			if nth--; nth == 0 {
				return errDevice
			}
		}
		return nil
	}
}

func TestFailedSyncIsNotRetried(t *testing.T) {
	syncs := 0
	first := failing(disk.Sync, 1)
	fs := &disk.FS{Hook: func(op disk.Op) error {
		if op.Kind == disk.Sync {
			syncs++
		}
		return first(op)
	}}
	f, err := fs.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if err := f.Sync(); !errors.Is(err, errDevice) {
			t.Errorf("sync = %v, want %v", err, errDevice)
		}
	}
	if syncs != 1 {
		t.Errorf("%d syncs reached the device, want 1", syncs)
	}
}

// A published file is the old or the new one, whichever operation fails.
func TestWriteFileIsAtomic(t *testing.T) {
	for _, kind := range []disk.Kind{disk.Create, disk.Write, disk.Sync, disk.Rename, disk.SyncDir} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		fs := &disk.FS{Hook: failing(kind, 1)}
		if err := fs.WriteFile(path, []byte("new")); !errors.Is(err, errDevice) {
			t.Errorf("%s fails: err = %v", kind, err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !slices.Contains([]string{"old", "new"}, string(got)) {
			t.Errorf("%s fails: file = %q, %v", kind, got, err)
		}
	}
}

func TestMkdirAllSyncsEachParent(t *testing.T) {
	root := t.TempDir()
	var ops []string
	fs := &disk.FS{Hook: func(op disk.Op) error {
		rel, err := filepath.Rel(root, op.Path)
		ops = append(ops, string(op.Kind)+" "+rel)
		return err
	}}
	for range 2 { // the second time there is nothing to do
		if err := fs.MkdirAll(filepath.Join(root, "a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"mkdir a", "sync_dir .", "mkdir a/b", "sync_dir a"}
	if !slices.Equal(ops, want) {
		t.Errorf("ops = %v, want %v", ops, want)
	}
	file := filepath.Join(root, "file")
	if err := fs.WriteFile(file, nil); err != nil {
		t.Fatal(err)
	}
	if err := fs.MkdirAll(filepath.Join(file, "sub")); err == nil {
		t.Error("made a folder inside a file")
	}
}
