// Package summarytest has the real results trees that tests of summaries and reports read.
package summarytest

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// H100 unpacks the tree that a real card wrote into dir. It is for tests of packages right under results/ and of cmd/matrix.
func H100(t testing.TB, dir string) { unpack(t, dir, "h100.tar.zst") }

// H100Batches is H100 for the tree of large batches on a shared server.
func H100Batches(t testing.TB, dir string) { unpack(t, dir, "h100_batches.tar.zst") }

// H200 is H100 for a whole comparison: three platforms, up to 5,000 requests, three launches of nearly all. It was copied
// without answers and without the rows of the 5,000.
func H200(t testing.TB, dir string) { unpack(t, dir, "h200.tar.zst") }

// unpack finds the archive from the folder of the package under test, in which go test runs it.
func unpack(t testing.TB, dir, name string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", name)) // from a package under results/
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.Open(filepath.Join("..", "..", "results", "testdata", name)) // from cmd/matrix
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		doc, err := io.ReadAll(in)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, doc, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
