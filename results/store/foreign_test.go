package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Any name is an experiment's, unless its folder holds something else: what is there decides.
func TestForeign(t *testing.T) {
	const source = "sources/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for name, tt := range map[string]struct {
		files []string
		want  bool
	}{
		"nothing":             {nil, false},
		"hidden files only":   {[]string{".DS_Store"}, false},
		"an attempt":          {[]string{"a-m-10-0123456789abcdef/01JDQ3Y5Z8K2M4N6P8R0T2V4X6/manifest.json", "notes.txt"}, false},
		"marks":               {[]string{"a-m-10-0123456789abcdef/marks/1.json"}, false},
		"a source":            {[]string{source}, false},
		"a shared server":     {[]string{"launches/01JDQ3Y5Z8K2M4N6P8R0T2V4X6/server.log"}, false},
		"a package":           {[]string{"summary.go", "summary_test.go"}, true},
		"folders":             {[]string{"a/b.txt", "sources/main.go"}, true},
		"somebody's notebook": {[]string{"notes.ipynb"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.files {
				path := filepath.Join(s.Root(), "summary", f)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			var foreign *ForeignError
			if got := errors.As(s.Foreign("summary"), &foreign); got != tt.want {
				t.Errorf("foreign: %v", got)
			}
		})
	}
}
