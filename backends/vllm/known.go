package vllm

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"matrix/experiments/cell"
	"matrix/experiments/wording"
)

// vocabulary is what an installed vLLM knows: read from its source, because every version knows others.
type vocabulary struct {
	served, offline, env map[string]bool // empty: could not be read
	version              string          // "" = read from an installation; else the version that kept was made of
}

// keptVersion is the version whose names are kept for machines that plan and have no vLLM.
const keptVersion = "0.32.0"

// keptNames is its names as readVocabulary finds them: a line for what is served, for offline, and for the environment.
//
//go:embed names/0.32.0.txt
var keptNames string

// kept is what that version knows.
var kept = sync.OnceValue(func() vocabulary {
	v := vocabulary{served: map[string]bool{}, offline: map[string]bool{}, env: map[string]bool{}, version: keptVersion}
	of := map[string]map[string]bool{"served": v.served, "offline": v.offline, "env": v.env}
	for line := range strings.Lines(keptNames) {
		words := strings.Fields(line)
		for _, word := range words[1:] {
			of[words[0]][word] = true
		}
	}
	return v
})

// vocabularies remembers them: a plan asks for each of its platforms.
var vocabularies sync.Map // python + "\x00" + PYTHONPATH → vocabulary

// vocabularyOf is the names that this installation knows. Nothing is started for it: its sources are read where they lie.
func vocabularyOf(c *cell.Cell) vocabulary {
	key := c.Platform.Python + "\x00" + c.Platform.Env["PYTHONPATH"]
	if v, known := vocabularies.Load(key); known {
		return v.(vocabulary)
	}
	python, err := interpreter(c.Platform.Python)
	if err != nil {
		return kept()
	}
	extra, sites := readImportPath(python, c.Platform.Env)
	for _, site := range append(extra, sites...) {
		if versionIn(site) != "" {
			return remember(c, site)
		}
	}
	// It would have to be asked, and validate starts nothing: resolve will ask it, and remember what it found. Looking along
	// PATH and into the environment again for each cell was a tenth of a large plan.
	vocabularies.Store(key, vocabulary{})
	return vocabulary{}
}

// remember keeps no time: an engine that is replaced while matrix runs keeps its old names until the next run.
func remember(c *cell.Cell, site string) vocabulary {
	v := readVocabulary(filepath.Join(site, "vllm"))
	vocabularies.Store(c.Platform.Python+"\x00"+c.Platform.Env["PYTHONPATH"], v)
	return v
}

// namesAsked are the warnings of checkNames for an interpreter that had to be asked where its packages are.
func namesAsked(c *cell.Cell, site string) (notes []string) {
	if v := vocabularyOf(c); len(v.served) > 0 && v.version == "" {
		return nil // said with its place
	}
	remember(c, site)
	for _, p := range checkNames(c) {
		notes = append(notes, p.Summary+". "+p.Detail)
	}
	return notes
}

var (
	reField    = regexp.MustCompile(`(?m)^    ([a-z][a-z0-9_]*): `)     // of a dataclass
	reFlag     = regexp.MustCompile(`"--([a-z][a-z0-9-]*)"`)            // of a parser
	reArgument = regexp.MustCompile(`(?m)^        ([a-z][a-z0-9_]*): `) // of LLM()
	reEnv      = regexp.MustCompile(`"(VLLM_[A-Z0-9_]+)"`)
)

// fewest is below what any version has: less means that the files are written otherwise, and nothing can be told.
const fewest = 50

// readVocabulary finds names in the sources by patterns, since a plan cannot wait for vLLM to be imported. A list that
// comes out too short means that a version is written otherwise: it is dropped, and then no name is refused.
func readVocabulary(dir string) vocabulary {
	read := func(v map[string]bool, re *regexp.Regexp, names ...string) {
		for _, name := range names {
			text, _ := os.ReadFile(filepath.Join(dir, name)) // versions keep them in different places
			for _, m := range re.FindAllSubmatch(text, -1) {
				v[strings.TrimPrefix(strings.ReplaceAll(string(m[1]), "-", "_"), "no_")] = true
			}
		}
	}
	engine := map[string]bool{}
	read(engine, reField, "engine/arg_utils.py")
	v := vocabulary{served: maps.Clone(engine), offline: engine, env: map[string]bool{}}
	frontend := []string{"entrypoints/launchers/cli_args.py", "entrypoints/openai/cli_args.py"}
	read(v.served, reField, frontend...)
	read(v.served, reFlag, append(frontend, "engine/arg_utils.py")...)
	read(v.offline, reArgument, "entrypoints/llm.py")
	read(v.env, reEnv, "envs.py")
	for _, names := range []map[string]bool{v.served, v.offline, v.env} {
		if len(names) < fewest {
			clear(names)
		}
	}
	return v
}

// checkNames warns of what the installed version does not know: a mistyped argument ends the start after minutes, a
// mistyped variable is passed over in silence.
func checkNames(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	v := vocabularyOf(c)
	say := func(path, name, kind, what string, known map[string]bool) {
		who, where := "this vLLM", "It was looked for in the source of vLLM at "+cmp.Or(c.Platform.Python, "python3")+"."
		if v.version != "" {
			who, where = "vLLM "+v.version, "There is no vLLM at "+cmp.Or(c.Platform.Python, "python3")+", so it was looked for among the names of that version."
		}
		detail := where + wording.DidYouMean(name, slices.Collect(maps.Keys(known)))
		problems = append(problems, cell.Problem{Summary: fmt.Sprintf("%s has no %s %s%s", who, kind, name, what), Detail: detail, Path: path, Warning: true})
	}
	names := v.served
	if c.Platform.Backend == OfflineName {
		names = v.offline
	}
	for _, name := range slices.Sorted(maps.Keys(c.Platform.Args)) {
		head, _, _ := strings.Cut(name, ".")
		said := owned[name] != "" || gone[name] != "" || strings.Contains(name, "-") || slices.Contains(serverOnly, name)
		if len(names) > 0 && !names[head] && !said && head == strings.ToLower(head) {
			say("platform.args."+name, name, "argument", ": it will refuse to start", names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Platform.Env)) {
		if strings.HasPrefix(name, "VLLM_") && len(v.env) > 0 && !v.env[name] {
			say("platform.env."+name, name, "variable", ": it has no effect", v.env)
		}
	}
	return problems
}
