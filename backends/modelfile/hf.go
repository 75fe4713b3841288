package modelfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// NotFoundError says that a model is not on this machine, and where it was looked for.
type NotFoundError struct {
	Name   string // repository or model name, with its revision or tag
	Looked string // folder or file that is not there
}

// Error has the place: the model may be there, in the cache of another HF_HOME.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s is not downloaded (no %s)", e.Name, e.Looked)
}

// Unwrap makes errors.Is(err, fs.ErrNotExist) true.
func (e *NotFoundError) Unwrap() error { return fs.ErrNotExist }

// Getenv looks up one variable of the environment that an engine would run with; os.Getenv is one.
type Getenv func(string) string

// HubDir is the folder where huggingface_hub keeps repositories, by its own rules.
func HubDir(getenv Getenv) string {
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if dir := getenv(name); dir != "" {
			return ExpandHome(dir)
		}
	}
	if home := getenv("HF_HOME"); home != "" {
		return filepath.Join(ExpandHome(home), "hub")
	}
	if cache := getenv("XDG_CACHE_HOME"); cache != "" {
		return filepath.Join(cache, "huggingface", "hub")
	}
	return ExpandHome("~/.cache/huggingface/hub")
}

var (
	// repoName is what Hugging Face allows as a repository's name. Whatever else is written must not become a path below
	// the cache.
	repoName   = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$`)
	commitName = regexp.MustCompile(`^[0-9a-f]{40}$`) // whole: an abbreviation is taken for a branch's name, as by huggingface_hub
)

// ResolveHFIn finds a model's folder: a local folder as it is (commit ""), else the snapshot of a repository in a hub
// folder (HubDir(process.Getenv(platform.Env))). revision is a branch, a tag, a commit, or "" for main. It reads files
// only; a model that is not here is a *NotFoundError.
func ResolveHFIn(hub, repoOrPath, revision string) (dir, commit string, err error) {
	if isPath(repoOrPath) {
		path := ExpandHome(repoOrPath)
		if st, err := os.Stat(path); err != nil || !st.IsDir() {
			return "", "", &NotFoundError{Name: repoOrPath, Looked: path}
		}
		return path, "", nil
	}
	if !repoName.MatchString(repoOrPath) {
		return "", "", fmt.Errorf("%q is neither a folder nor a Hugging Face repository (organisation/name)", repoOrPath)
	}
	name := repoOrPath
	if revision == "" {
		revision = "main"
	} else {
		name += "@" + revision
	}
	repo := filepath.Join(hub, "models--"+strings.ReplaceAll(repoOrPath, "/", "--"))
	commit = revision
	if !commitName.MatchString(revision) {
		if commit, err = readRef(repo, revision); err != nil {
			return "", "", &NotFoundError{Name: name, Looked: filepath.Join(repo, "refs", revision)}
		}
	}
	dir = filepath.Join(repo, "snapshots", commit)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return "", "", &NotFoundError{Name: name, Looked: dir}
	}
	return dir, commit, nil
}

// readRef reads refs/<revision>; a revision may hold slashes ("refs/pr/3") but never leave the folder.
func readRef(repo, revision string) (string, error) {
	if !filepath.IsLocal(revision) {
		return "", fmt.Errorf("revision %q is no name", revision)
	}
	data, err := ReadSmall(filepath.Join(repo, "refs", revision), 1<<10)
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(data))
	if !commitName.MatchString(commit) {
		return "", fmt.Errorf("ref %s holds %q, not a commit", revision, commit)
	}
	return commit, nil
}

// isPath tells a folder from a repository name: "org/name" is a repository even when such a folder happens to
// exist, as the loader has made every path absolute.
func isPath(s string) bool {
	return filepath.IsAbs(s) || s == "." || s == ".." ||
		strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") || strings.HasPrefix(s, "~")
}

// ExpandHome puts the home folder for a leading ~, as engines do with such paths; without one the path stays as it is.
func ExpandHome(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			return home + path[1:]
		}
	}
	return path
}
