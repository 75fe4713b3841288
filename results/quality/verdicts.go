package quality

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"matrix/experiments/textfile"
)

// verdicts is a file of verdicts, a line each, only ever appended to.
type verdicts struct {
	path  string
	file  *os.File
	bySeq map[int64]Verdict
}

// openVerdicts reads what is there. A last line that a crash cut short is cut off: its prompt is asked about again.
func openVerdicts(path string) (*verdicts, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("keep verdicts: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep verdicts: %w", err)
	}
	v := &verdicts{path: path, file: f, bySeq: map[int64]Verdict{}}
	if err := v.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read verdicts %s: %w", path, err), f.Close())
	}
	return v, nil
}

// load reads the lines that are whole. A last one without its end was cut off by a crash: it goes, or the next would be
// written onto it. Of two verdicts on one prompt the later counts.
func (v *verdicts) load() error {
	doc, err := io.ReadAll(v.file)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(doc, '\n') + 1
	if whole < len(doc) {
		if err := v.file.Truncate(int64(whole)); err != nil {
			return err
		}
	}
	for n, line := range bytes.Split(bytes.TrimSuffix(doc[:whole], []byte("\n")), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var one Verdict
		if err := json.Unmarshal(line, &one); err != nil {
			return fmt.Errorf("line %d: %w", n+1, textfile.PlainJSON(err))
		}
		v.bySeq[one.Seq] = one
	}
	return nil
}

// has reports that there is a verdict already.
func (v *verdicts) has(seq int64) bool {
	_, ok := v.bySeq[seq]
	return ok
}

// add appends a line and waits until it is on the disk: a verdict may have cost money.
func (v *verdicts) add(one Verdict) error {
	line, err := json.Marshal(one)
	if err == nil {
		_, err = v.file.Write(append(line, '\n'))
	}
	if err == nil {
		err = v.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("keep verdict: %w", err)
	}
	v.bySeq[one.Seq] = one
	return nil
}

// close drops its error: each line is synced.
func (v *verdicts) close() { _ = v.file.Close() } // each line is synced
