package textfile

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// SHA256 is the SHA-256 of a regular file of any size, in 64 hex digits. Of the bytes as they lie there: a file that was
// converted or packed is another one. Errors are those of Open.
func SHA256(path string) (string, error) {
	f, err := Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // read-only
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
