package app

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// WriteNamed is ReplaceFile of a file that the user named. A link stays: it is the file behind it that is replaced. A pipe
// or a device, such as /dev/null, is written into: a file in its place would be the end of it for all the machine.
// mode is of a new file only; the file behind a pipe or a device keeps its own.
func WriteNamed(path string, mode os.FileMode, write func(io.Writer) error) error {
	switch info, err := os.Stat(path); {
	case err != nil: // there is none yet
	case info.IsDir():
		return &os.PathError{Op: "write", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return writeInto(path, write)
	default:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	return ReplaceFile(path, mode, write)
}

// ReplaceFile writes beside the file and renames: what a user has is not lost to a full disk. Whatever had the name is
// gone: a link in a results tree, which may be another's, leads nowhere.
// The error of write is returned as it is, and the old file stays.
func ReplaceFile(path string, mode os.FileMode, write func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone after the rename
	if err := write(temp); err != nil {
		_ = temp.Close()
		return err
	}
	if err := temp.Chmod(mode); err != nil {
		_ = temp.Close()
		return err
	}
	// Synced before the rename: after a crash the name must not stand for an empty file.
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// writeInto adds nothing to what is there: neither rename nor truncation means anything to a pipe.
func writeInto(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// ReplaceText is ReplaceFile of a short text.
func ReplaceText(path, text string) error {
	return ReplaceFile(path, 0o644, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
}

// WriteWhole writes a table that appears complete or not at all.
// rows is what write says, also where the rest failed.
func WriteWhole(path string, write func(io.Writer) (int64, error)) (rows int64, err error) {
	err = WriteNamed(path, 0o644, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		rows, err = write(out)
		return errors.Join(err, out.Flush())
	})
	return rows, err
}
