package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/dataset"
)

// What cannot be written is an error at the end, and no success.
func TestUnwrittenRecordIsAnError(t *testing.T) {
	var said strings.Builder
	a := New(nil, nil, strings.NewReader(""), brokenPipe{}, &said)
	a.JSON = true
	a.Record(ndjson.Validated{})
	if code := a.Finish(t.Context(), nil); code != CodeError || !strings.Contains(said.String(), "no space") {
		t.Errorf("exit %d: %s", code, said.String())
	}
}

// What to do about a disk goes by what fails: the folder of temporary files is not the results, and a full disk no missing right.
func TestFaultsOfTheDisk(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	for want, err := range map[string]error{
		"another folder with TMPDIR":              fmt.Errorf("read a.gz: %w", dataset.ScratchError{Err: full}),
		"The disk is full":                        NotWritable(fmt.Errorf("save the plan: %w", full)),
		"Give --results a folder that you can wr": NotWritable(&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}),
		"Hint of the dataset":                     Forbidden(&dataset.Error{Path: "x", Reason: "permission denied", Hint: "Hint of the dataset.", Err: fs.ErrPermission}),
	} {
		var said strings.Builder
		New(nil, nil, strings.NewReader(""), io.Discard, &said).SayErrors(err)
		if text := strings.Join(strings.Fields(said.String()), " "); !strings.Contains(text, want) {
			t.Errorf("%v: %q, want %q", err, text, want)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
