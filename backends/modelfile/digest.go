package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
)

// Digest is the SHA-256 of a file as 64 hex digits. Weights have gigabytes and a plan asks each time, so the answer
// is kept under the user's cache folder and holds while path, size, modification time and inode stay the same. A
// cache that cannot be written costs time only.
func Digest(path string) (string, error) {
	return digestCached(path, cacheDir("digests"))
}

// hashed is a file that is being read for its digest.
type hashed struct {
	path string       // absolute
	size int64        // bytes, at its opening
	done atomic.Int64 // bytes; equal to size once all is read
}

// hashing is the file that is read for its digest just now, of several the newest; a progress line tells of it.
var hashing atomic.Pointer[hashed]

// newHashed makes it the file that Hashing tells of; of two at once the later one.
func newHashed(path string, size int64) *hashed {
	h := &hashed{path: path, size: size}
	hashing.Store(h)
	return h
}

// Write counts what was read; it never fails.
func (h *hashed) Write(p []byte) (int, error) {
	h.done.Add(int64(len(p)))
	return len(p), nil
}

// Hashing tells which file is being read for its digest and how far that is, in bytes; "" when none is. It is for whoever
// shows a person why a plan takes seconds.
func Hashing() (path string, done, size int64) {
	h := hashing.Load()
	if h == nil || h.done.Load() == h.size {
		return "", 0, 0
	}
	return h.path, h.done.Load(), h.size
}

// digestCached is the SHA-256 of a regular file. It is kept with the file's stamp in dir: a model of 100 GB is read once,
// and anew only after it changed.
func digestCached(path, dir string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return toldOf(dir, path, IsSHA256, func() (string, error) {
		f, size, err := openRegular(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, io.TeeReader(f, newHashed(path, size))); err != nil {
			return "", fmt.Errorf("digest %s: %w", path, err)
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	})
}

// IsSHA256 reports 64 hex digits.
func IsSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
