package record

import "time"

// Phases are the parts of a launch, in order; each is a column phase_<name>_s. From spawn to other they add up to load_s.
var Phases = []string{
	"drain", "prime", "spawn", "import", "workers", "weights", "compile", "graph_capture", "kv_init", "ready", "first_token", "other",
	"warmup", "measure", "stop", "vram_release",
}

// ServerRecord is phases.json: what belongs to the server and to no single cell.
type ServerRecord struct {
	Launch   string             `json:"server_launch"`
	Began    time.Time          `json:"began"`
	Ended    time.Time          `json:"ended,omitzero"` // zero: it runs, or matrix was killed
	Reason   string             `json:"reason,omitempty"`
	LoadS    *float64           `json:"load_s,omitempty"` // process start → first token of the first request; null where it was not recorded
	Phases   map[string]float64 `json:"phases"`           // s
	Primed   bool               `json:"primed,omitempty"` // it only filled caches: nothing was measured on it
	Attempts []string           `json:"attempts"`         // that were measured on it, in order; of a priming the one that it came before
	Engine   string             `json:"engine"`
	Version  string             `json:"version"`
	Argv     []string           `json:"argv"`
	GPUs     []string           `json:"gpus"` // UUIDs that it could use
	Host     string             `json:"host"`
	Matrix   string             `json:"matrix"`
	Warnings []string           `json:"warnings"`
}

// Load is the server's load in seconds: as recorded, else its phases from the spawn on, which lack the first request.
// It is nil where they tell nothing.
func (r *ServerRecord) Load() *float64 {
	if r.LoadS != nil {
		return r.LoadS
	}
	if _, ready := r.Phases["ready"]; !ready {
		return nil
	}
	var sum float64
	for _, name := range Phases {
		if name == "warmup" {
			break
		}
		if name != "drain" && name != "prime" {
			sum += r.Phases[name]
		}
	}
	return &sum
}
