package textfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Finite is a JSON text with null for the NaN and Infinity that Python writes and no JSON parser takes. A text without
// them is returned as it is.
// Only words outside of strings are replaced. They differ in length, so offsets in the result are not those in the file.
func Finite(doc []byte) []byte {
	if !bytes.Contains(doc, []byte("NaN")) && !bytes.Contains(doc, []byte("Infinity")) {
		return doc
	}
	out := make([]byte, 0, len(doc)+16)
	quoted := false
	for i := 0; i < len(doc); {
		switch b := doc[i]; {
		case quoted && b == '\\' && i+1 < len(doc):
			out = append(out, b, doc[i+1])
			i += 2
			continue
		case b == '"':
			quoted = !quoted
		case !quoted && (b == 'N' || b == 'I' || b == '-'):
			if n := nonFinite(doc[i:]); n > 0 {
				out = append(out, "null"...)
				i += n
				continue
			}
		}
		out = append(out, doc[i])
		i++
	}
	return out
}

// nonFinite is the length of such a word that a text begins with, 0 = none. Python's json writes the first
// three.
func nonFinite(text []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "-NaN"} {
		if bytes.HasPrefix(text, []byte(word)) {
			return len(word)
		}
	}
	return 0
}

// JSONFault says an error of encoding/json without Go's types: reason, and what to do where that can be told.
func JSONFault(err error) (reason, hint string) {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return "a JSON object is expected, not " + aKind(wrong.Value), "Each record is one object."
	case errors.As(err, &wrong):
		return fmt.Sprintf("%s must be %s, not %s", wrong.Field, wanted(wrong), aKind(wrong.Value)), ""
	case errors.As(err, &syntax):
		return fmt.Sprintf("invalid JSON at byte %d: %s", syntax.Offset, syntax.Error()),
			"Each line is one whole JSON object; `jq -c . FILE` writes a file so, and says where it is broken."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the JSON has no end", "Is the file complete?"
	}
	return strings.TrimPrefix(err.Error(), "json: "), ""
}

// PlainJSON is an error of encoding/json in such words; any other error as it is.
func PlainJSON(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	if !errors.As(err, &wrong) && !errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	reason, hint := JSONFault(err)
	return &Error{Reason: reason, Hint: hint}
}

// wanted names what JSON should have held for a Go type that only we know.
func wanted(e *json.UnmarshalTypeError) string {
	switch kind := e.Type.Kind().String(); {
	case kind == "slice" || kind == "array":
		return "a list"
	case kind == "struct" || kind == "map":
		return "an object"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	}
	return "a string"
}

// aKind drops what encoding/json adds to a number that does not fit.
func aKind(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	return kind
}
