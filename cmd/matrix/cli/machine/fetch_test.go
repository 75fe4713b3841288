package machine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/cmd/matrix/cli/app"
	"matrix/experiments/cell"
)

// fakeHub lacks what its cells' models are called, and fails where it is told to.
type fakeHub struct {
	bytes   int64
	into    string
	fails   map[string]error // by model: of Fetch
	hidden  map[string]error // by model: of Lacking
	fetched []string
}

func (h *fakeHub) Lacking(_ context.Context, c *cell.Cell) ([]backends.Download, error) {
	if err := h.hidden[c.Model.ID]; err != nil {
		return nil, err
	}
	return []backends.Download{{Name: c.Model.ID, Bytes: &h.bytes, Into: h.into}}, nil
}

func (h *fakeHub) Fetch(_ context.Context, c *cell.Cell, d backends.Download, progress func(done, total int64)) error {
	progress(h.bytes, h.bytes)
	if err := h.fails[c.Model.ID]; err != nil {
		return err
	}
	h.fetched = append(h.fetched, d.Name)
	return nil
}

func (h *fakeHub) wants(models ...string) []need {
	var all []need
	for _, platform := range []string{"offline", "serve"} {
		for _, m := range models {
			all = append(all, need{backends.Backend{Lacking: h.Lacking, Fetch: h.Fetch}, &cell.Cell{Platform: &cell.Platform{ID: platform}, Model: &cell.Model{ID: m}}})
		}
	}
	return all
}

// TestFetchGoesOn: what is gated or gone is said, once, and the rest is fetched, once.
func TestFetchGoesOn(t *testing.T) {
	h := &fakeHub{bytes: 5, into: t.TempDir(), fails: map[string]error{"gone": errors.New("no such thing")}, hidden: map[string]error{"gated": errors.New("m is gated")}}
	var out, errs bytes.Buffer
	a := app.New(nil, nil, nil, &out, &errs)
	err := fetch(t.Context(), a, h.wants("gated", "gone", "good"), 0, false)
	if code := a.Finish(t.Context(), err); code != app.CodeError {
		t.Errorf("exit code %d: %v", code, err)
	}
	if strings.Join(h.fetched, " ") != "good" {
		t.Errorf("fetched %v, want good once", h.fetched)
	}
	want := "Error: Look for model gated of platform offline: m is gated\nError: Fetch gone: no such thing\n"
	if errs.String() != want {
		t.Errorf("said:\n%swant:\n%s", errs.String(), want)
	}
}

func TestFetchDryRun(t *testing.T) {
	h := &fakeHub{bytes: 5, into: t.TempDir()}
	var out bytes.Buffer
	a := app.New(nil, nil, nil, &out, &out)
	if err := fetch(t.Context(), a, h.wants("good"), 0, true); err != nil || len(h.fetched) > 0 {
		t.Errorf("fetched %v, %v", h.fetched, err)
	}
	if want := "good  0.0 kB  into " + h.into + "\nNothing was downloaded (--dry-run).\n"; out.String() != want {
		t.Errorf("said:\n%swant:\n%s", out.String(), want)
	}
}

func TestFetchInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := &fakeHub{bytes: 5, into: t.TempDir()}
	var out bytes.Buffer
	a := app.New(nil, nil, nil, &out, &out)
	if code := a.Finish(ctx, fetch(ctx, a, h.wants("good"), 0, false)); code != app.CodeInterrupted || len(h.fetched) > 0 {
		t.Errorf("exit code %d, fetched %v, want %d and nothing", code, h.fetched, app.CodeInterrupted)
	}
}

func TestRoomFor(t *testing.T) {
	size := func(gib int64) *int64 { n := gib << 30; return &n }
	to := func(into string, bytes *int64) download {
		return download{Download: backends.Download{Name: "m", Bytes: bytes, Into: into}}
	}
	disks := func(folder string) (string, int64, error) {
		switch folder {
		case "/hub", "/ollama":
			return "a", 20 << 30, nil
		case "/far":
			return "", 0, errors.New("gone")
		}
		return "b", 3 << 30, nil
	}
	for name, tt := range map[string]struct {
		lacking []download
		want    string // of the error
	}{
		"nothing":           {nil, ""},
		"fits":              {[]download{to("/hub", size(18)), to("/small", size(1))}, ""},
		"two on one disk":   {[]download{to("/hub", size(10)), to("/ollama", size(9))}, "/ollama has 20.0 GiB free; the downloads need 19.0 GiB and 2 GiB to spare"},
		"one disk too full": {[]download{to("/hub", size(10)), to("/small", size(2))}, "/small has 3.0 GiB free"},
		"size unknown":      {[]download{to("/small", nil)}, ""},
		"attached":          {[]download{to("http://h:1", size(99))}, ""},
		"unreadable":        {[]download{to("/far", size(1))}, "read the free space of /far: gone"},
	} {
		err := roomFor(tt.lacking, disks)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if _, free, err := diskOf(t.TempDir() + "/not/there/yet"); err != nil || free <= 0 {
		t.Errorf("free %d, %v", free, err)
	}
}
