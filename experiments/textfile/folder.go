package textfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files are the paths of a folder's files whose names end so or so, by name. A glob would say nothing of a folder that cannot be
// read, and take a [ in its name for a pattern.
func Files(dir string, endings ...string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		ends := func(ending string) bool { return strings.HasSuffix(e.Name(), ending) }
		if !e.IsDir() && slices.ContainsFunc(endings, ends) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}
