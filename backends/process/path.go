package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// resolve finds a program on the PATH of the command's own environment: it may differ from ours.
func resolve(name string, env []string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return filepath.Abs(name)
	}
	for _, kv := range env {
		list, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if !filepath.IsAbs(dir) {
				continue // the folder where somebody happens to be: as os/exec, we run nothing from there
			}
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
				return filepath.Abs(path)
			}
		}
	}
	return "", fmt.Errorf("find %s on PATH: %w", name, exec.ErrNotFound)
}

// openLog opens a log to append to and says how long it already is.
func openLog(path string) (*os.File, int64, error) {
	if path == "" {
		path = os.DevNull
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("open engine log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open engine log: %w", err)
	}
	return f, info.Size(), nil
}

// randomAttempt marks what belongs to no attempt of an experiment, such as a server for a download.
func randomAttempt() string { return "process-" + rand.Text() }

// Absence words the error of exec.LookPath as what follows a program's name: "is not there". The cause stays for
// errors.Is.
func Absence(err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return absence{"is not on PATH", err}
	case errors.Is(err, fs.ErrNotExist):
		return absence{"is not there", err}
	case errors.Is(err, fs.ErrPermission):
		return absence{"cannot be executed", err}
	}
	return fmt.Errorf("cannot be run: %w", err)
}

// absence is an error in words for a user, with the cause for the program.
type absence struct {
	text  string
	cause error
}

func (a absence) Error() string { return a.text }
func (a absence) Unwrap() error { return a.cause }
