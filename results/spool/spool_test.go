package spool_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"matrix/results/spool"
)

func file(t testing.TB, payloads ...string) (data []byte, ends []int) {
	t.Helper()
	data = []byte(spool.Magic)
	ends = []int{len(data)}
	for _, p := range payloads {
		var err error
		if data, err = spool.AppendFrame(data, []byte(p)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(data))
	}
	return data, ends
}

// read returns the payloads before the end, and how it ended.
func read(data []byte) (payloads []string, good int64, err error) {
	r := spool.NewReader(bytes.NewReader(data))
	for {
		p, err := r.Next()
		if err != nil {
			return payloads, r.Good(), err
		}
		payloads = append(payloads, string(p))
	}
}

// A spool cut at any byte yields exactly the frames that are whole.
func TestCutAtEveryByte(t *testing.T) {
	data, ends := file(t, "first", "", "third, longer", "x")
	for n := range len(data) + 1 {
		whole := 0
		for whole < len(ends)-1 && ends[whole+1] <= n {
			whole++
		}
		payloads, _, err := read(data[:n])
		clean := n == 0 || n == ends[whole]
		if len(payloads) != whole || clean != errors.Is(err, io.EOF) || !clean && !errors.Is(err, spool.ErrCut) {
			t.Errorf("cut at %d: %d frames, %v; want %d, clean %v", n, len(payloads), err, whole, clean)
		}
	}
}

// A flipped bit anywhere ends the spool at its frame or before.
func TestFlippedBits(t *testing.T) {
	data, ends := file(t, "first", "second", "third")
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x10
		before := 0
		for before < len(ends)-1 && ends[before+1] <= i {
			before++
		}
		payloads, _, err := read(bad)
		if len(payloads) != before || !errors.Is(err, spool.ErrCut) {
			t.Errorf("flip at %d: %d frames, %v; want %d", i, len(payloads), err, before)
		}
	}
}

// Zeros after the last frame (a file whose length outlived its bytes) are no frames.
func TestZeroTail(t *testing.T) {
	data, ends := file(t, "first")
	payloads, good, err := read(append(data, make([]byte, 4096)...))
	if len(payloads) != 1 || good != int64(ends[1]) || !errors.Is(err, spool.ErrCut) {
		t.Errorf("payloads %q, good %d, err %v", payloads, good, err)
	}
}

func TestStream(t *testing.T) {
	data, _ := file(t, "one ", "", "two")
	s := spool.NewStream(spool.NewReader(bytes.NewReader(data[:len(data)-1])))
	got, err := io.ReadAll(s)
	if string(got) != "one " || err != nil || !s.Cut() {
		t.Errorf("read %q, %v, cut %v", got, err, s.Cut())
	}
}

func FuzzReader(f *testing.F) {
	data, ends := file(f, "first", "second")
	f.Add(data)
	f.Add(data[:ends[1]+5])
	f.Add([]byte(spool.Magic + "\xff\xff\xff\x7f garbage after a huge length"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		payloads, good, err := read(data)
		if err == nil || good > int64(len(data)) {
			t.Fatalf("good %d of %d bytes, err %v", good, len(data), err)
		}
		// What was read is what was written: framing it again gives the same bytes.
		again, _ := file(t, payloads...)
		if len(payloads) > 0 && !bytes.HasPrefix(data, again) {
			t.Fatalf("%q is not a prefix of %q", again, data)
		}
	})
}
