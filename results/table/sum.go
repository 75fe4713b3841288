package table

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"matrix/experiments/textfile"
	"matrix/results/disk"
	"matrix/results/record"
)

// SummedFile is a file whose length and SHA-256 are known when it is closed.
// Not for concurrent use. It ends with Finish, after an error, too.
type SummedFile struct {
	*bufio.Writer // Parquet comes in thousands of small pieces
	file          *disk.File
	sum           hash.Hash // of what went to the file so far
	bytes         int64
}

// CreateSummed makes an empty file, replacing one that is there.
// What is written is durable after Finish only.
func CreateSummed(fs *disk.FS, path string) (*SummedFile, error) {
	f, err := fs.Create(path)
	if err != nil {
		return nil, err
	}
	s := &SummedFile{file: f, sum: sha256.New()}
	s.Writer = bufio.NewWriterSize(writerFunc(s.through), 256<<10)
	return s, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// through counts and digests what really went to the file: after a failed write that is less than was asked for.
func (f *SummedFile) through(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.sum.Write(p[:n])
	f.bytes += int64(n)
	return n, err
}

// Finish syncs and closes, and tells what was written.
// The folder is the caller's to sync.
func (f *SummedFile) Finish() (record.FileSum, error) {
	err := f.Flush()
	if err == nil {
		err = f.file.Sync()
	}
	err = errors.Join(err, f.file.Close())
	return record.FileSum{Bytes: f.bytes, SHA256: hex.EncodeToString(f.sum.Sum(nil))}, err
}

// SumFile reads a regular file and tells its size and SHA-256.
// *disk.NotRegular for a folder, a pipe or a device.
func SumFile(path string) (record.FileSum, error) { return sumFile(context.Background(), path) }

func sumFile(ctx context.Context, path string) (record.FileSum, error) {
	f, err := disk.Open(path)
	if err != nil {
		return record.FileSum{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, textfile.Stoppable(ctx, f))
	return record.FileSum{Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// Sum is the size and SHA-256 of a document.
func Sum(doc []byte) record.FileSum {
	sum := sha256.Sum256(doc)
	return record.FileSum{Bytes: int64(len(doc)), SHA256: hex.EncodeToString(sum[:])}
}
