package record

import (
	"encoding/json"
	"slices"
	"time"

	"matrix/experiments/cell"
)

// Kinds of marks.
const (
	MarkTaint  = "taint"
	MarkAccept = "accept"
)

// Mark is a user's word on an attempt or a cell: taint or accept.
type Mark struct {
	Kind     string          `json:"kind"`               // taint, accept
	Attempt  string          `json:"attempt,omitempty"`  // "" = the whole cell
	Attempts []string        `json:"attempts,omitempty"` // that the cell had, when it is of the whole cell; nil = an older matrix's, which goes by the clock
	Reason   string          `json:"reason"`
	Identity json.RawMessage `json:"identity,omitempty"` // accept: the identity that is blessed
	At       time.Time       `json:"at"`
	Who      string          `json:"who"`
}

// Blesses reports that the mark makes an attempt count for an identity.
func (m *Mark) Blesses(a *Manifest, identity string) bool {
	return m.Kind == MarkAccept && identity != "" && m.IdentityHash() == identity && m.Names(a)
}

// Names reports that the mark is of an attempt. Two machines' clocks differ, and a merge brings attempts that its author
// never saw, so a mark names those that were there; one of an older matrix means all that had ended by its time.
func (m *Mark) Names(a *Manifest) bool {
	switch {
	case m.Attempt != "":
		return m.Attempt == a.Attempt
	case m.Attempts != nil:
		return slices.Contains(m.Attempts, a.Attempt)
	}
	return !m.At.Before(a.Ended)
}

// IdentityHash is the hash of the identity that an accept mark blesses: it holds the hash as a string, or the whole
// identity. "" where there is none.
func (m *Mark) IdentityHash() string {
	var text string
	if json.Unmarshal(m.Identity, &text) == nil {
		return text
	}
	var id cell.Identity
	if json.Unmarshal(m.Identity, &id) != nil {
		return ""
	}
	return id.Hash
}
