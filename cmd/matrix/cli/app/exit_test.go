package app

import (
	"errors"
	"strings"
	"testing"

	"matrix/cmd/matrix/view/ndjson"
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

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
