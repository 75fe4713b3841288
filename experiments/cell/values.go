package cell

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// Values holds evaluated HCL: string, bool, int64, float64, nil, []any or Values.
type Values map[string]any

// Number is an evaluated value as a number; ok is false for a text, a truth or nothing.
func Number(v any) (n float64, ok bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// Int is a value as a whole number, given as a number or as its text; 0 where it is absent or neither.
func (v Values) Int(name string) int {
	if n, ok := Number(v[name]); ok {
		return int(n)
	}
	n, _ := strconv.Atoi(v.Text(name))
	return n
}

// Canonical is JSON with sorted keys of maps, so that equal values have equal bytes, and without the escapes for HTML of
// encoding/json: prompts are full of <, > and &. It is for plain values, our own structs of them too; others are our bug.
func Canonical(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("JSON of plain values: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Text is a text by its name, "" when it is none.
func (v Values) Text(name string) string {
	text, _ := v[name].(string)
	return text
}

// digestOf has nothing for no text.
func digestOf(text string) string {
	if text == "" {
		return ""
	}
	return sumOf([]byte(text))
}

// sumOf is the SHA-256 of bytes, in 64 hex digits.
func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
