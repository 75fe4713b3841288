package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"matrix/experiments/cell"
)

// A sealed document is indented JSON whose last member is "self": the SHA-256 of the very bytes with self
// empty. Taken over bytes, not over values, so that a flipped byte anywhere is found: in a key's case or
// an escape just as well.
const (
	sealOpen  = "\"self\": \""
	sealClose = "\"\n}\n"
)

var errSeal = errors.New("its own checksum does not match")

// Seal marshals v, whose last member must be an empty "self", and fills it in.
func Seal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	body, ok := bytes.CutSuffix(buf.Bytes(), []byte(sealOpen+sealClose))
	if !ok {
		return nil, fmt.Errorf("seal %T: it does not end with an empty self", v)
	}
	sum := sha256.Sum256(buf.Bytes())
	return fmt.Appendf(bytes.Clone(body), "%s%x%s", sealOpen, sum, sealClose), nil
}

// Unseal checks the checksum and unmarshals into v.
func Unseal(doc []byte, v any) error {
	const digits = 2 * sha256.Size
	tail := digits + len(sealClose)
	if len(doc) < tail+len(sealOpen) || !bytes.HasSuffix(doc, []byte(sealClose)) ||
		!bytes.HasSuffix(doc[:len(doc)-tail], []byte(sealOpen)) {
		return errSeal
	}
	body := doc[:len(doc)-tail]
	sum := sha256.Sum256(append(bytes.Clone(body), sealClose...))
	if hex.EncodeToString(sum[:]) != string(doc[len(body):len(body)+digits]) {
		return errSeal
	}
	return json.Unmarshal(doc, v)
}

// ParseManifest reads a manifest and checks its own checksum.
func ParseManifest(doc []byte) (Manifest, error) {
	var m Manifest
	if err := Unseal(doc, &m); err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	CompactIdentity(&m.Identity)
	return m, nil
}

// CompactIdentity undoes the indentation that the values got inside the document: they are compared as bytes.
func CompactIdentity(id *cell.Identity) {
	for name, c := range id.Components.All() {
		var buf bytes.Buffer
		if json.Compact(&buf, c.Value) == nil {
			c.Value = buf.Bytes()
			id.Components.Set(name, c)
		}
	}
}
