package lang

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"
	"matrix/experiments/syntax"
	"matrix/experiments/textfile"
	"matrix/experiments/wording"
)

// maxSources bounds how many files one load reads, imports included.
const maxSources = 1000

// sources reads and parses files, each once, following imports.
type sources struct {
	given  map[string][]byte  // source of a saved plan: read instead of the disk
	files  map[string][]byte  // source as read, by name
	parsed []*source          // imports before who imports them
	byPath map[string]*source // by absolute path
	diags  hcl.Diagnostics
	unread bool // some source could not be read or parsed: what it declares is missing
}

// source is one parsed file.
type source struct {
	name    string           // as the user named it; in every range
	dir     string           // absolute: what its relative paths start from
	content *hcl.BodyContent // empty where it could not be parsed
	// imported: only other files led here. Its definitions count, its experiments are not asked for.
	imported bool
}

// newSources reads from the disk where given is nil.
func newSources(given map[string][]byte) *sources {
	return &sources{given: given, files: map[string][]byte{}, byPath: map[string]*source{}}
}

// add reads a file or, of a folder, all *.hcl and *.hcl.json in it.
// Files of a folder come in the order of their names. One that a user names is read whatever it is called.
func (s *sources) add(path string) {
	if s.given != nil {
		s.addGiven(path)
		return
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		s.read(path, nil, nil)
		return
	}
	files, err := textfile.Files(path, ".hcl", ".hcl.json")
	if err != nil {
		s.diags = s.diags.Append(diagnostic.Unplaced("Cannot read folder", fmt.Sprintf("%s: %s.", path, Reason(err))))
		return
	}
	for _, file := range files {
		s.read(file, nil, nil)
	}
	if len(files) == 0 {
		s.diags = s.diags.Append(diagnostic.Unplaced("No experiment files", fmt.Sprintf("The folder %s holds no *.hcl or *.hcl.json file.", path)))
	}
}

// addGiven does the same with the files of a saved plan.
func (s *sources) addGiven(path string) {
	if _, ok := s.given[path]; ok {
		s.read(path, nil, nil)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.given)) {
		if filepath.Dir(name) == filepath.Clean(path) && (strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")) {
			s.read(name, nil, nil)
		}
	}
}

// read parses a file and its imports. chain holds the files that led here, for cycles; at is the import's place.
// A file is read once, by its absolute path: asked for by the user after an import led to it, it is no longer imported.
func (s *sources) read(path string, chain []string, at *hcl.Range) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	if i := slices.Index(chain, abs); i >= 0 {
		s.importCycle(append(chain[i:], abs), at)
		return
	}
	if file := s.byPath[abs]; file != nil {
		file.imported = file.imported && len(chain) > 0
		return
	}
	if len(s.byPath) >= maxSources {
		s.fail(at, "Too many files", fmt.Sprintf("One load reads at most %d files.", maxSources))
		return
	}
	file := &source{name: path, dir: filepath.Dir(abs), content: &hcl.BodyContent{}, imported: len(chain) > 0}
	s.byPath[abs] = file
	// Behind its imports: of two declarations of one name, the importing file's is the second.
	defer func() { s.parsed = append(s.parsed, file) }()
	body := s.parse(path, abs, at)
	if body == nil {
		return
	}
	content, diags := body.Content(schema.TopLevel)
	explain(diags, s.files, schema.TopLevel, "at the top level")
	s.diags = append(s.diags, diags...)
	file.content = content
	s.imports(file, append(slices.Clone(chain), abs))
}

// parse reads and parses one file; nil where nothing of it could be understood, which is said.
func (s *sources) parse(path, abs string, at *hcl.Range) hcl.Body {
	src, ok := s.given[path]
	if !ok {
		var err error
		if src, err = textfile.Read(abs, syntax.MaxBytes); err != nil {
			s.fail(at, "Cannot read file", fmt.Sprintf("%s: %s.%s", path, Reason(err), otherFile(path, err)))
			return nil
		}
	}
	src = newlines(src)
	s.files[path] = src
	file, diags := syntax.File(src, path)
	s.diags = append(s.diags, diags...)
	s.unread = s.unread || diags.HasErrors()
	if file == nil {
		return nil
	}
	return file.Body
}

// newlines ends lines as everywhere but on Windows: a heredoc keeps what its file has, and an editor's choice must not go
// into each prompt, nor make results stale. A file without carriage returns stays as it is; "\r\n" written as an escape, too.
func newlines(src []byte) []byte { return bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n")) }

// imports reads what `imports = ["models.hcl"]` names, relative to the importing file.
// Names are evaluated without any context: which files there are must be known before there are variables.
func (s *sources) imports(file *source, chain []string) {
	attr := file.content.Attributes["imports"]
	if attr == nil {
		return
	}
	items, diags := hcl.ExprList(attr.Expr)
	if diags.HasErrors() {
		s.diags = s.diags.Append(diagnostic.Error(attr.Expr.Range(), "Imports must be a list of file names", `Write imports = ["models.hcl"].`))
		return
	}
	for _, item := range items {
		at := item.Range()
		v, diags := item.Value(nil)
		name, ok := hclvalue.Text(v)
		if diags.HasErrors() || !ok || name == "" {
			s.diags = s.diags.Append(diagnostic.Error(at, "An import must be a file name", "Imports are read before anything is evaluated, so a name is a plain string."))
			continue
		}
		path := filepath.FromSlash(name)
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file.name), path)
		}
		s.read(path, chain, &at)
	}
}

// importCycle says which files lead to each other.
func (s *sources) importCycle(chain []string, at *hcl.Range) {
	names := make([]string, len(chain))
	for i, path := range chain {
		names[i] = filepath.Base(path)
	}
	if len(chain) == 2 {
		s.fail(at, "A file imports itself", fmt.Sprintf("%s is read already: remove this import.", names[0]))
		return
	}
	s.fail(at, "Import cycle", fmt.Sprintf("The imports go round: %s. Remove one of them.", strings.Join(names, " → ")))
}

// fail reports a file that cannot be read: at its import, or at no place where a user named it. Nothing else is said then.
func (s *sources) fail(at *hcl.Range, summary, detail string) {
	d := diagnostic.Unplaced(summary, detail)
	d.Subject = at
	s.diags, s.unread = s.diags.Append(d), true
}

// otherFile names the file that a path which names none may mean: one of its folder, or of the folder experiments below.
func otherFile(path string, err error) string {
	if !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Join(filepath.Dir(path), "experiments")} {
		files, _ := fs.Glob(os.DirFS(dir), "*.hcl*") // the pattern is well-formed; the folder's name need not be
		names := map[string]string{}
		for _, f := range files {
			names[f] = filepath.Join(dir, f)
			names[strings.TrimSuffix(f, ".hcl")] = names[f] // the ending was left out
		}
		if name := wording.Suggest(filepath.Base(path), slices.Sorted(maps.Keys(names))); name != "" {
			return fmt.Sprintf(" Did you mean %s?", names[name])
		}
		if there := names[filepath.Base(path)]; there != "" {
			return fmt.Sprintf(" Did you mean %s?", there)
		}
	}
	return ""
}

// Reason is a file error without the path, which the message has already.
func Reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	if hint := textfile.Hint(err); hint != "" {
		return err.Error() + ". " + strings.TrimSuffix(hint, ".") // callers end the sentence
	}
	return err.Error()
}
