package store

import (
	"errors"
	"syscall"
	"testing"
)

// withoutDescriptors does something while this process can open nothing.
func withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 1
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// Too few descriptors are our want: an attempt that could not be looked at is neither damaged nor gone nor void.
func TestNoDescriptorsIsNoDamage(t *testing.T) {
	s := testStore(t)
	p := committed(t, s, 1)
	if err := s.Taint(p.Experiment, p.Slug, p.Attempt, "the fan was off", ""); err != nil {
		t.Fatal(err)
	}
	var said []string
	s.Notice = func(text string) { said = append(said, text) }
	withoutDescriptors(t, func() {
		for name, look := range map[string]func() error{
			"manifest": func() error { _, err := readPast(p.Experiment, p.Slug, p.Dir); return err },
			"table":    func() error { _, _, err := checkSums(t.Context(), p.Dir, p.Files); return err },
			"marks":    func() error { _, err := s.Accepts(t.Context(), p.Experiment, p.Slug); return err },
			"history":  func() error { _, err := s.History(t.Context(), ""); return err },
			"cell":     func() error { _, err := reading{s, t.Context()}.cell(p.Experiment, p.Slug, readPast); return err },
			"verify":   func() error { _, err := s.Verify(t.Context()); return err },
		} {
			if err := look(); !errors.Is(err, syscall.EMFILE) {
				t.Errorf("%s: %v, want that there were too few descriptors", name, err)
			}
		}
	})
	if len(said) > 0 {
		t.Errorf("said of the results: %q", said)
	}
	if bad, err := s.Verify(t.Context()); err != nil || len(bad) > 0 {
		t.Errorf("afterwards: %v, %v", bad, err)
	}
}
