package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
)

// Digest is the SHA-256 of a file as 64 hex digits. Weights have gigabytes and a plan asks each time, so the answer
// is kept under the user's cache folder and holds while path, size, modification time and inode stay the same. A
// cache that cannot be written costs time only.
func Digest(path string) (string, error) {
	dir := ""
	if cache, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(cache, "matrix", "digests")
	}
	return digestCached(path, dir)
}

// hashed is a file that is being read for its digest.
type hashed struct {
	path string
	size int64
	done atomic.Int64
}

var hashing atomic.Pointer[hashed]

func newHashed(path string, size int64) *hashed {
	h := &hashed{path: path, size: size}
	hashing.Store(h)
	return h
}

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

// remembered is one answer on disk; every field must match again.
type remembered struct {
	Path    string `json:"path"`
	Size    int64  `json:"size_bytes"`
	MTimeNS int64  `json:"mtime_ns"`
	Inode   uint64 `json:"inode"`
	SHA256  string `json:"sha256"`
}

func digestCached(path, dir string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, _, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	want := remembered{Path: path, Size: st.Size(), MTimeNS: st.ModTime().UnixNano(), Inode: inode(st)}
	if got, ok := recall(dir, want); ok {
		return got, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.TeeReader(f, newHashed(path, st.Size()))); err != nil {
		return "", fmt.Errorf("digest %s: %w", path, err)
	}
	want.SHA256 = hex.EncodeToString(h.Sum(nil))
	if now, err := f.Stat(); err == nil && now.Size() == st.Size() && now.ModTime().Equal(st.ModTime()) {
		remember(dir, want) // a file that changed under the reading is asked again
	}
	return want.SHA256, nil
}

func recall(dir string, want remembered) (string, bool) {
	if dir == "" {
		return "", false
	}
	data, err := ReadSmall(cacheFile(dir, want.Path), 64<<10)
	if err != nil {
		return "", false
	}
	var got remembered
	if json.Unmarshal(data, &got) != nil || !IsSHA256(got.SHA256) {
		return "", false
	}
	want.SHA256 = got.SHA256
	return got.SHA256, got == want
}

// remember writes beside and renames, so a reader never sees half an answer.
func remember(dir string, r remembered) {
	if dir == "" || os.MkdirAll(dir, 0o755) != nil {
		return
	}
	data, err := json.Marshal(r)
	if err != nil {
		return
	}
	tmp, err := os.CreateTemp(dir, ".digest-*")
	if err != nil {
		return
	}
	_, werr := tmp.Write(data)
	if cerr := tmp.Close(); werr != nil || cerr != nil || os.Rename(tmp.Name(), cacheFile(dir, r.Path)) != nil {
		os.Remove(tmp.Name())
	}
}

func cacheFile(dir, path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])+".json")
}

// IsSHA256 reports 64 hex digits.
func IsSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
