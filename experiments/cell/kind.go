package cell

import (
	"cmp"
	"slices"
	"strings"
)

// EngineKind is what reading a file, ordering its launches and telling its cells apart takes of an engine. The rest, its
// package below backends knows, and this too: it says so by Register, since nothing here may import it.
type EngineKind struct {
	Name      string                  // as platform.backend has it
	Server    string                  // whose server it is: what one platform asked of it, another finds in its cache; "" = may be any
	Installs  string                  // what an engine block installs for it: InstallsPackage, or a program's name; "" = nothing
	Batch     func(*Platform) bool    // takes the whole batch at once; nil: never
	Attached  bool                    // it runs already, and perhaps on another machine: nothing is launched
	Simulated bool                    // no real engine runs
	GPUs      func(*Platform) int     // how many it spans; nil: as many as the hardware block says, else one
	Loads     *Part                   // the attribute of a model block that says what it loads
	Sequences func(*Platform) float64 // answers that it lets grow at a time unless the memory bounds it; nil: not known
}

// InstallsPackage says that an engine runs out of a Python package.
const InstallsPackage = "package"

// Part is an attribute of a model block: what an engine loads.
type Part struct {
	Name       string
	Attributes []PartAttribute
	// Check says what is wrong with a part whose attributes are each right; "" = nothing. nil: nothing ever is.
	Check func(Values) (summary, detail string)
	// Label tells models apart where nothing is loaded; nil: it does not.
	Label func(Values) string
}

// PartAttribute is a text within a part.
type PartAttribute struct {
	Name     string
	Path     bool // of a file: absolute after loading, and no part of the identity but by its digest
	Folder   bool // a repository, or a folder: then absolute after loading, and no part of the identity either
	Required bool
	Digest   bool     // a long text: the identity has its SHA-256
	Default  string   // what leaving it out means, so that the identity leaves it out
	Movable  bool     // a name that means other bytes tomorrow: no part of the identity once the bytes are known
	Unless   string   // the attribute in whose place it stands
	Local    string   // as what the identity's environment notes a path, on whichever engine the cell runs; "" = on its own, by its name
	Facts    []string // what may be found of it, by what the engine resolved: a commit is a revision
}

// localName is where the identity's environment has a path.
func (a PartAttribute) localName() string { return cmp.Or(a.Local, a.Name) }

// ownKinds are no engine of anybody's: a server that runs already, whichever it is, and the simulator.
var ownKinds = []*EngineKind{
	{Name: OpenAI, Attached: true, Loads: openAIPart},
	{Name: OpenAIBatch, Attached: true, Batch: func(*Platform) bool { return true }, Loads: openAIPart},
	{Name: Simulator, Simulated: true, Batch: func(p *Platform) bool { return strings.HasSuffix(p.Options.Text("api"), "_offline") }},
}

// openAIPart is the name that an attached server knows the model by.
var openAIPart = &Part{Name: "openai", Attributes: []PartAttribute{{Name: "model", Required: true}},
	Label: func(v Values) string { return v.Text("model") }}

var registered []*EngineKind

// Register makes an engine known to the language. It is called before main, by the table of engines, in the order in which
// they are named to a user.
func Register(k *EngineKind) { registered = append(registered, k) }

// Programs are what engine blocks may have built by version.
func Programs() (names []string) {
	for _, k := range Kinds() {
		if k.Installs != "" && k.Installs != InstallsPackage && !slices.Contains(names, k.Installs) {
			names = append(names, k.Installs)
		}
	}
	return names
}

// Kinds are the engines that a platform may ask for.
func Kinds() []*EngineKind { return slices.Concat(registered, ownKinds) }

// ModelParts are what a model may say of what engines load.
func ModelParts() (all []*Part) {
	for _, k := range Kinds() {
		if k.Loads != nil && !slices.Contains(all, k.Loads) {
			all = append(all, k.Loads)
		}
	}
	return all
}

// Kind is what is known of the platform's engine; a name that nobody knows has nothing.
func (p *Platform) Kind() *EngineKind {
	for _, kinds := range [2][]*EngineKind{registered, ownKinds} { // not Kinds, which makes a list: a large plan asks a million times
		for _, k := range kinds {
			if k.Name == p.Backend {
				return k
			}
		}
	}
	return &EngineKind{}
}

// Batch reports whether the platform takes the whole batch at once.
func (p *Platform) Batch() bool {
	k := p.Kind()
	return k.Batch != nil && k.Batch(p)
}

// Attached reports whether the platform's server is there already, perhaps on another machine.
func (p *Platform) Attached() bool { return p.Attach || p.Kind().Attached }

// Simulated reports whether no real engine runs.
func (p *Platform) Simulated() bool { return p.Kind().Simulated }

// Local reports whether the platform's engine runs on this machine's hardware because we start it.
func (p *Platform) Local() bool { return !p.Simulated() && !p.Attached() }

// Server names whose server it is; platforms of one name may meet each other's prompts in its cache. "any" may be each.
func (p *Platform) Server() string { return cmp.Or(p.Kind().Server, "any") }

// Sequences is how many answers the engine lets grow at a time unless the memory bounds it; false where that is not known.
func (p *Platform) Sequences() (n float64, known bool) {
	if k := p.Kind(); k.Sequences != nil {
		return k.Sequences(p), true
	}
	return 0, false
}

// GPUs is how many GPUs the cell's engine spans, 0 where it runs on none of ours. One that does not say takes what it
// sees, so it sees as many as the hardware block says, else one.
func (c *Cell) GPUs() int {
	switch k := c.Platform.Kind(); {
	case !c.Platform.Local():
		return 0
	case k.GPUs != nil:
		return k.GPUs(c.Platform)
	case c.Hardware != nil && c.Hardware.GPUs > 0:
		return c.Hardware.GPUs
	}
	return 1
}
