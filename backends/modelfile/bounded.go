package modelfile

import (
	"fmt"
	"io"
	"os"
)

// ReadSmall reads a regular file of at most limit bytes: header files are small, and a wrong path may name anything.
func ReadSmall(path string, limit int64) ([]byte, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes is more than the %d that such a file may have", path, size, limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// openRegular opens a file and tells its size; pipes and devices, which have none, are refused.
func openRegular(path string) (*os.File, int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("read %s: not a regular file", path)
	}
	// After the look: to open a pipe that nobody writes to would wait for ever.
	f, err := os.Open(path)
	return f, st.Size(), err
}
