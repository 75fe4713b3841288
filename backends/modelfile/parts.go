package modelfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// firstPart is what llama-gguf-split calls the first of several files; llama.cpp finds the others by the name alone.
var firstPart = regexp.MustCompile(`^(.*)-00001-of-(\d{5})\.gguf$`)

// Parts are the files of a model whose first file is path: itself alone, unless its name counts more. They need not exist.
func Parts(path string) []string {
	m := firstPart.FindStringSubmatch(path)
	if m == nil {
		return []string{path}
	}
	count, _ := strconv.Atoi(m[2]) // digits, by the pattern
	parts := []string{path}
	for n := 2; n <= count; n++ {
		parts = append(parts, fmt.Sprintf("%s-%05d-of-%s.gguf", m[1], n, m[2]))
	}
	return parts
}

// DigestParts is the Digest of a model of one file, and of several the SHA-256 of a line a part with its digest, in their
// order: the weights lie in all of them.
func DigestParts(path string) (string, error) {
	parts := Parts(path)
	if len(parts) == 1 {
		return Digest(path)
	}
	all := sha256.New()
	for _, part := range parts {
		digest, err := Digest(part)
		if err != nil {
			return "", err
		}
		_, _ = io.WriteString(all, digest+"\n") // a hash takes all
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}
