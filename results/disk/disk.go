// Package disk performs every write of the results store: create, write, sync,
// rename, remove. It owns no layout and no format. All mutations pass one hook,
// so a test can record them, replay any prefix as after a power cut, or refuse one
// as a failing device would.
package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Kind names a mutation.
type Kind string

// The closed list of mutations.
const (
	Create  Kind = "create"   // Path: a new empty file
	Write   Kind = "write"    // Path, Data: appended
	Sync    Kind = "sync"     // Path: a file's bytes
	Mkdir   Kind = "mkdir"    // Path: one folder
	SyncDir Kind = "sync_dir" // Path: a folder's names
	Rename  Kind = "rename"   // Path → To, replacing To
	Remove  Kind = "remove"   // Path: a file or a whole folder
)

// Op is one mutation.
type Op struct {
	Kind     Kind
	Path, To string
	Data     []byte // of a Write; valid during the call only
}

// Hook is told of each operation before it happens; its error is returned in place of the operation.
type Hook func(Op) error

// FS writes to the real file system. The zero value is ready.
type FS struct {
	Hook   Hook // nil: none
	NoSync bool // skip real fsyncs (the hook still sees them); for tests
}

// Failed is a mutation that did not happen, in the words of its error.
type Failed struct{ Err error }

func (e *Failed) Error() string { return e.Err.Error() }
func (e *Failed) Unwrap() error { return e.Err }

func (f *FS) do(op Op, act func() error) error {
	if f.Hook != nil {
		if err := f.Hook(op); err != nil {
			return &Failed{fmt.Errorf("%s %s: %w", op.Kind, op.Path, err)}
		}
	}
	if err := act(); err != nil {
		return &Failed{err}
	}
	return nil
}

// MkdirAll makes a folder and its missing parents durably: each new name is synced into its parent.
func (f *FS) MkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("make folder %s: a file is in the way", path)
		}
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := f.MkdirAll(parent); err != nil {
			return err
		}
	}
	err := f.do(Op{Kind: Mkdir, Path: path}, func() error { return os.Mkdir(path, 0o755) })
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return f.SyncDir(parent)
}

// SyncDir makes the names in a folder durable.
func (f *FS) SyncDir(path string) error {
	return f.do(Op{Kind: SyncDir, Path: path}, func() error {
		if f.NoSync {
			return nil
		}
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
}

// Rename moves a file or folder. It is durable after SyncDir of the parents.
func (f *FS) Rename(from, to string) error {
	return f.do(Op{Kind: Rename, Path: from, To: to}, func() error { return os.Rename(from, to) })
}

// RemoveAll removes a file or a folder with all that is in it; a missing one is no error.
func (f *FS) RemoveAll(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return f.do(Op{Kind: Remove, Path: path}, func() error { return os.RemoveAll(path) })
}

// WriteFile publishes data under path whole or not at all: a new file beside it, synced, renamed over.
func (f *FS) WriteFile(path string, data []byte) error {
	return f.WriteFileVia(path+".tmp", path, data)
}

// WriteFileVia is WriteFile with a name for the new file, on the same file system: for one that several processes may
// write at once.
func (f *FS) WriteFileVia(tmp, path string, data []byte) error {
	file, err := f.Create(tmp)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.Close())
	}
	// Sync before rename: after a crash the name must not outlive the bytes.
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := f.Rename(tmp, path); err != nil {
		return err
	}
	return f.SyncDir(filepath.Dir(path))
}

// File is a file being written, append-only.
type File struct {
	fs     *FS
	file   *os.File
	failed error // of a sync: never retried, the kernel may have dropped the pages
}

// Create makes an empty file, truncating an old one (remove first where that matters).
func (f *FS) Create(path string) (*File, error) {
	var file *os.File
	err := f.do(Op{Kind: Create, Path: path}, func() (err error) {
		file, err = os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &File{fs: f, file: file}, nil
}

// Name is the path the file was created under.
func (f *File) Name() string { return f.file.Name() }

// Write appends.
func (f *File) Write(p []byte) (n int, err error) {
	err = f.fs.do(Op{Kind: Write, Path: f.Name(), Data: p}, func() error {
		n, err = f.file.Write(p)
		return err
	})
	return n, err
}

// Sync makes the bytes durable. After one failure it fails for good: a second fsync would report success
// for pages that the kernel has already given up.
func (f *File) Sync() error {
	if f.failed != nil {
		return f.failed
	}
	f.failed = f.fs.do(Op{Kind: Sync, Path: f.Name()}, func() error {
		if f.fs.NoSync {
			return nil
		}
		return f.file.Sync()
	})
	return f.failed
}

// Close closes without syncing.
func (f *File) Close() error { return f.file.Close() }
