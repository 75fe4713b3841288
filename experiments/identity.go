package experiments

import "encoding/json"

// Facts is what the world adds to a cell: what the backend resolved, the dataset's digest, the machine.
// Keys and values go into the identity as they are.
type Facts struct {
	Backend     Values // name, version; a missing version is "unknown until apply"
	Model       Values // repository + commit, or digests
	Dataset     Values // SHA-256 of bytes, selection rule
	Hardware    Values // GPU product × count, or CPU model
	Environment Values // driver, kernel, host …: a note, never a reason to run again
}

// Identity is what was asked for, as named components.
type Identity struct {
	Address    string               `json:"address"`
	Hash       string               `json:"hash"` // SHA-256 over the hashes of spec, dataset, model, backend, hardware
	Components map[string]Component `json:"components"`
}

// Component is one named part with the value that its hash was taken of.
type Component struct {
	Hash  string          `json:"hash"` // 64 hex digits
	Value json.RawMessage `json:"value"`
}

// Change is one difference between two identities, for "before → after".
type Change struct {
	Component string `json:"component"` // spec, dataset, model, backend, hardware, environment, policy
	Path      string `json:"path"`      // "args.max_num_seqs"
	Before    string `json:"before"`
	After     string `json:"after"`
	Place     Place  `json:"place,omitzero"`
}
