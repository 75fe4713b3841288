package table

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"matrix/results/disk"
	"matrix/results/record"
)

// ManifestFile stands in every attempt's folder.
// It is written last, and lists all others.
const ManifestFile = "manifest.json"

// MaxDocument bounds a manifest, a mark, a source, in bytes: what is longer is none of ours.
const MaxDocument = 64 << 20

// ReadManifest reads the manifest of an attempt's folder and checks its own checksum.
// os.ErrNotExist where there is none; any other error is damage, or a want of ours.
func ReadManifest(dir string) (record.Manifest, error) {
	doc, err := disk.ReadFile(filepath.Join(dir, ManifestFile), MaxDocument)
	if err != nil {
		return record.Manifest{}, err
	}
	return record.ParseManifest(doc)
}

// ErrCorrupt says that a file's checksum is not the manifest's.
// Every fault of an attempt's files is one, by errors.Is.
var ErrCorrupt = errors.New("the file is not what was written: its SHA-256 differs")

// damage is any other fault of an attempt's files: errors.Is takes it for ErrCorrupt, since whoever reads many attempts
// must go on without this one in just the same way.
type damage struct{ error }

func (d damage) Is(target error) bool { return target == ErrCorrupt }
func (d damage) Unwrap() error        { return d.error }

// damaged tells a fault of the files from a want of ours, such as one more open file.
func damaged(err error) error {
	if disk.Wanting(err) {
		return err
	}
	return damage{err}
}

// Intact is the path of a table whose bytes are those that were written. Nothing is parsed before: a flipped length may ask for any
// amount of memory. Groups, which must not read all of a table, look at the lengths instead.
// The file is read whole each time: whoever needs it often keeps the path.
func Intact(dir, table string) (string, error) {
	path, sum, err := manifested(dir, table)
	if err != nil {
		return "", err
	}
	return path, compared(context.Background(), path, sum)
}

// manifested is the path of a table, and what the manifest has of it.
// A table that the manifest does not list has length 0, and is damage when it is read.
func manifested(dir, table string) (path string, sum record.FileSum, err error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return "", sum, damaged(err)
	}
	return filepath.Join(dir, FileOf(table)), m.Files[FileOf(table)], nil
}

// compared reads a file and holds it against its checksum.
// What ended ctx is no damage.
func compared(ctx context.Context, path string, want record.FileSum) error {
	sum, err := sumFile(ctx, path)
	if err != nil && ctx.Err() == nil {
		err = damaged(fmt.Errorf("read %s: %w", filepath.Base(path), err))
	} else if err == nil && sum != want {
		err = fmt.Errorf("read %s: %w", path, ErrCorrupt)
	}
	return err
}

// intactRun is Intact for run.parquet, which is read once and whole, with the manifest beside it.
func intactRun(dir string) (m record.Manifest, doc []byte, err error) {
	if m, err = ReadManifest(dir); err != nil {
		return m, nil, damaged(err)
	}
	name := FileOf(record.TableRun)
	doc, err = disk.ReadFile(filepath.Join(dir, name), m.Files[name].Bytes)
	if err != nil && !errors.Is(err, disk.ErrLong) {
		return m, nil, damaged(fmt.Errorf("read %s: %w", record.TableRun, err))
	}
	if Sum(doc) != m.Files[name] {
		return m, nil, fmt.Errorf("read %s: %w", filepath.Join(dir, name), ErrCorrupt)
	}
	return m, doc, nil
}
