package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
)

// told is what was found out about a file, as it lies on disk; every other field must match again.
type told struct {
	Path    string `json:"path"` // absolute: a file's name is a hash of it, and hashes may meet
	Size    int64  `json:"size_bytes"`
	MTimeNS int64  `json:"mtime_ns"` // since 1970
	Inode   uint64 `json:"inode"`
	Answer  string `json:"answer"` // of the one who was asked; never empty
}

// Told is what ask finds out about a file, asked once while the file's size, modification time and inode stay the same: the
// answer is kept under the user's cache folder, by kind. path is absolute. A cache that cannot be read or written costs time
// only; an error is the file's or ask's.
func Told(kind, path string, ask func() (string, error)) (string, error) {
	return toldOf(cacheDir(kind), path, func(answer string) bool { return answer != "" }, ask)
}

// toldOf is what was found out about a file before, as long as the file is the same, or else what ask finds out. An answer
// that is kept must be valid in form, else it is asked for anew.
func toldOf(dir, path string, valid func(string) bool, ask func() (string, error)) (string, error) {
	want, err := stampOf(path)
	if err != nil {
		return "", err
	}
	var kept told
	if data, err := ReadSmall(cacheFile(dir, path), 64<<10); err == nil && json.Unmarshal(data, &kept) == nil && valid(kept.Answer) {
		if want.Answer = kept.Answer; kept == want {
			return kept.Answer, nil
		}
	}
	if want.Answer, err = ask(); err != nil {
		return "", err
	}
	now, err := stampOf(path)
	if now.Answer = want.Answer; err == nil && now == want { // a file that changed meanwhile is asked again
		remember(dir, want)
	}
	return want.Answer, nil
}

// stampOf follows links: the hub's snapshots are links to blobs, and a blob is what is read.
func stampOf(path string) (told, error) {
	st, err := os.Stat(path)
	if err != nil {
		return told{}, err
	}
	t := told{Path: path, Size: st.Size(), MTimeNS: st.ModTime().UnixNano()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		t.Inode = s.Ino // tells a replaced file from an edited one
	}
	return t, nil
}

// remember writes beside and renames, so a reader never sees half an answer.
func remember(dir string, t told) {
	data, err := json.Marshal(t)
	if err != nil || os.MkdirAll(dir, 0o755) != nil {
		return
	}
	tmp, err := os.CreateTemp(dir, ".told-*")
	if err != nil {
		return
	}
	_, werr := tmp.Write(data)
	if cerr := tmp.Close(); werr != nil || cerr != nil || os.Rename(tmp.Name(), cacheFile(dir, t.Path)) != nil {
		os.Remove(tmp.Name())
	}
}

// cacheDir is a folder of the user's cache; where there is none, one in which nothing can be kept.
func cacheDir(kind string) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.DevNull
	}
	return filepath.Join(cache, "matrix", kind)
}

// cacheFile has a hash for a name: a path may be longer than a file's name can be.
func cacheFile(dir, path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])+".json")
}
