package ollama

import (
	"path/filepath"
	"strconv"

	"matrix/experiments/cell"
)

// Name is the backend's, and that of the attribute of a model block.
const Name = "ollama"

// kind is what the language knows of the engine.
var kind = &cell.EngineKind{Name: Name, Server: "ollama", Installs: Name, Sequences: sequences, Loads: &cell.Part{
	Name: Name, Attributes: []cell.PartAttribute{
		{Name: "model", Movable: true, Unless: "gguf"},
		{Name: "gguf", Path: true, Local: "gguf"},
		{Name: "template", Digest: true},
	},
	Check: func(v cell.Values) (summary, detail string) {
		switch named, file := v.Text("model") != "", v.Text("gguf") != ""; {
		case !named && !file:
			return "Ollama model without a source", `Give it a name, ollama = { model = "gemma3:4b" }, or a file, ollama = { gguf = "gemma3.gguf" }.`
		case named && file:
			return "Ollama model with two sources", "It is taken by name (model) or made from a file (gguf), not both. Remove one."
		}
		return "", ""
	},
	Label: func(v cell.Values) string {
		if v.Text("model")+v.Text("gguf") == "" {
			return ""
		}
		return v.Text("model") + filepath.Base(v.Text("gguf"))
	},
}}

// sequences is 1 where nothing is declared: that is what Command sets.
func sequences(p *cell.Platform) float64 {
	if declared, err := strconv.ParseFloat(p.Env["OLLAMA_NUM_PARALLEL"], 64); err == nil {
		return declared
	}
	return 1
}

// Model names what Ollama loads: Model by name, or GGUF from a file.
type Model struct {
	Model    string // "gemma3:4b", "hf.co/org/repo:tag"; "" = made from GGUF
	GGUF     string // absolute path after loading
	Template string // Ollama's (Go) template for a GGUF that carries none
}

// modelOf is nil where the block names nothing.
func modelOf(m *cell.Model) *Model {
	if m == nil || m.Parts[Name] == nil {
		return nil
	}
	v := m.Parts[Name]
	return &Model{v.Text("model"), v.Text("gguf"), v.Text("template")}
}

// Parts are the block's, for whoever makes a cell without a file.
func (m Model) Parts() map[string]cell.Values {
	return map[string]cell.Values{Name: {"model": m.Model, "gguf": m.GGUF, "template": m.Template}}
}
