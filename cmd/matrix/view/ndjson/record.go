// Package ndjson is what `--json` writes and `matrix serve` streams: one struct a type of record, described for programs by
// docs/records.schema.json, which a test makes from these structs. Nothing is renamed or taken away within one Schema; fields
// are added. Times are RFC 3339, durations seconds, sizes bytes; a number that is not known is null or left out, never 0.
package ndjson

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Schema is the version of all records, told by the first one.
const Schema = 1

// Record is one line; its first field is its type.
type Record interface{ Type() string }

// Marshal writes a record as one line, its type first. What JSON has no number for is null.
func Marshal(r Record) ([]byte, error) {
	body, err := encode(r)
	var odd *json.UnsupportedValueError
	if errors.As(err, &odd) {
		body, err = encode(finite(r))
	}
	if err != nil {
		return nil, err
	}
	kind, err := encode(r.Type())
	if err != nil {
		return nil, err
	}
	line := append([]byte(`{"type":`), bytes.TrimSpace(kind)...)
	if len(body) > len("{}\n") {
		line = append(line, ',')
	}
	return append(line, body[1:]...), nil
}

// encode leaves < and > as they are: a terminal and jq are no browsers.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// List is a list that is [] in JSON where it is empty, not null.
func List[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Version is the first record of every command.
type Version struct {
	Schema int    `json:"schema"`
	Matrix string `json:"matrix"`
	Go     string `json:"go,omitempty"` // of matrix version alone
}

func (Version) Type() string { return "version" }

// Error is why a command failed.
type Error struct {
	Message string `json:"message"`
	Hint    string `json:"hint"` // what to do about it; "" = nothing to say
}

func (Error) Type() string { return "error" }

// Warning is what may be wrong though the command goes on.
type Warning struct {
	Message string `json:"message"`
}

func (Warning) Type() string { return "warning" }

// Diagnostic is a mistake in the user's files.
type Diagnostic struct {
	Diagnostic any `json:"diagnostic"` // severity, summary, detail, range, values, cell
}

func (Diagnostic) Type() string { return "diagnostic" }
