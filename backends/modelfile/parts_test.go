package modelfile

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestParts: weights lie in every part, so a change in any is another model, and all count towards its size.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	part := func(n int) string { return filepath.Join(dir, fmt.Sprintf("m-%05d-of-00003.gguf", n)) }
	head := &ggufFile{}
	head.key("general.architecture", 8, "gemma3").key("gemma3.block_count", 4, uint32(2)).tensor("blk.0.attn_q.weight", 0, 32)
	later := func(n uint64) string {
		return string((&ggufFile{}).key("split.no", 4, uint32(1)).tensor("blk.1.attn_q.weight", 0, n).bytes())
	}
	writeFile(t, part(1), string(head.bytes()))
	writeFile(t, part(2), later(64))
	if _, err := DigestParts(part(1)); err == nil {
		t.Error("a part is missing, and nobody says so")
	}
	writeFile(t, part(3), later(96))
	if got := Parts(part(1)); len(got) != 3 || got[0] != part(1) || got[2] != part(3) {
		t.Errorf("parts are %q", got)
	}
	g, err := ReadGGUF(part(1))
	if err != nil || g.Parameters != 192 || len(g.LayerBytes) != 2 || g.LayerBytes[1] != 640 {
		t.Errorf("%+v, %v", g, err)
	}
	before, err := DigestParts(part(1))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, part(3), later(128))
	if g, err := ReadGGUF(part(1)); err != nil || g.Parameters != 224 {
		t.Errorf("%+v, %v: the last part was replaced, and its old header is told", g, err)
	}
	if after, err := DigestParts(part(1)); err != nil || after == before || !IsSHA256(after) {
		t.Errorf("%s before a change in the last part, %s after it, %v", before, after, err)
	}
	// One file is its own digest: identities of what was measured before stay.
	alone, err := DigestParts(part(3))
	if digest, _ := Digest(part(3)); err != nil || alone != digest {
		t.Errorf("%s, %v, want %s", alone, err, digest)
	}
}
