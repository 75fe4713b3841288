package vllm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/launched"
)

// driverFault is one way in which a driver, or a library in its process, breaks the pipe's protocol.
type driverFault struct {
	name   string
	play   func(w io.Writer, a ask) // answers one request
	status backends.Status
	class  string
}

func answerTo(id int64, more string) string {
	return fmt.Sprintf(`{"i":%d,"t":[1,2,3,4],"e":[0,1,1],"in":7,"out":8,"cached":0,"fin":"length","text":"día 😀"%s}`, id, more) + "\n"
}

func driverFaults() []driverFault {
	good := func(w io.Writer, a ask) { io.WriteString(w, answerTo(a.ID, "")) }
	return []driverFault{
		{"good", good, backends.OK, ""},
		{"foreign_lines", func(w io.Writer, a ask) {
			io.WriteString(w, "INFO a library writes to every descriptor\n{\"half\": \n\n"+answerTo(a.ID, ""))
		}, backends.OK, ""},
		{"answered_twice", func(w io.Writer, a ask) { good(w, a); good(w, a) }, backends.OK, ""},
		{"never_asked", func(w io.Writer, a ask) { io.WriteString(w, answerTo(a.ID+1_000_000, "")); good(w, a) }, backends.OK, ""},
		{"one_byte_writes", func(w io.Writer, a ask) {
			for _, b := range []byte(answerTo(a.ID, "")) {
				w.Write([]byte{b})
			}
		}, backends.OK, ""},
		{"bad_utf8", func(w io.Writer, a ask) {
			io.WriteString(w, strings.Replace(answerTo(a.ID, ""), "día", "d\xed", 1))
		}, backends.OK, ""},
		{"counts_missing", func(w io.Writer, a ask) {
			fmt.Fprintf(w, `{"i":%d,"t":[1,null,null,4],"fin":"stop","text":""}`+"\n", a.ID)
		}, backends.OK, ""},
		{"refused", func(w io.Writer, a ask) {
			fmt.Fprintf(w, `{"i":%d,"t":[1,null,null,4],"err":"prompt_too_long","msg":"too long"}`+"\n", a.ID)
		}, backends.Failed, "prompt_too_long"},
		{"timed_out_there", func(w io.Writer, a ask) {
			fmt.Fprintf(w, `{"i":%d,"t":[1,null,null,4],"err":"timeout","msg":"no answer"}`+"\n", a.ID)
		}, backends.TimedOut, "timeout"},
		{"stall", func(io.Writer, ask) {}, backends.TimedOut, "timeout"},
	}
}

// TestDriverFaults: 1,000 requests against each fault of the driver's pipe; each ends as exactly one reply.
func TestDriverFaults(t *testing.T) {
	const requests = 1000
	for _, f := range driverFaults() {
		t.Run(f.name, func(t *testing.T) {
			o := pipeTo(t, f.play)
			replies := make([]backends.Reply, requests)
			var wg sync.WaitGroup
			for seq := range requests {
				wg.Go(func() {
					req := fakeRequest(int64(seq), "one two")
					if f.name == "stall" {
						req.Timeout = 50 * time.Millisecond
					}
					replies[seq] = o.Generate(t.Context(), req)
				})
			}
			wg.Wait()
			for seq, r := range replies {
				if r.Seq != int64(seq) || r.Status != f.status || r.ErrorClass != f.class {
					t.Fatalf("seq %d: %+v, want %s %q", seq, r, f.status, f.class)
				}
			}
			if at := replies[0].Done.String(); !strings.Contains(at, " m=") {
				t.Errorf("done at %s: a step of the wall clock would move it", at)
			}
			o.askedMu.Lock() // a second answer may still be coming in
			left := len(o.open)
			o.askedMu.Unlock()
			if left > 0 {
				t.Errorf("%d requests are still waited for", left)
			}
		})
	}
}

// TestDriverBatchFaults: the same for a whole batch, with what ends it midway.
func TestDriverBatchFaults(t *testing.T) {
	const requests = 1000
	reqs := func(yield func(backends.Request) bool) {
		for seq := range int64(requests) {
			if !yield(fakeRequest(seq, "one two")) {
				return
			}
		}
	}
	for _, f := range driverFaults() {
		if f.name == "stall" {
			continue // a batch waits: limits.cell bounds it
		}
		o := pipeTo(t, f.play)
		seen := make([]int, requests)
		if err := o.GenerateAll(t.Context(), reqs, func(r backends.Reply) { seen[r.Seq]++ }); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		for seq, n := range seen {
			if n != 1 {
				t.Fatalf("%s: seq %d has %d replies", f.name, seq, n)
			}
		}
	}
	t.Run("dies_mid_line", func(t *testing.T) {
		var o *offline
		o = pipeTo(t, func(w io.Writer, a ask) {
			if a.ID == 500 {
				io.WriteString(w, answerTo(a.ID, "")[:20])
				o.p.Kill()
				w.(*os.File).Close()
				return
			}
			io.WriteString(w, answerTo(a.ID, ""))
		})
		answered := 0
		err := o.GenerateAll(t.Context(), reqs, func(backends.Reply) { answered++ })
		if err == nil || !strings.Contains(err.Error(), "vllm died (signal: killed)") || answered > 499 {
			t.Errorf("%d answered, error %v", answered, err)
		}
	})
}

// TestFullDisk: the files of a launch that cannot be written are the world's fault.
func TestFullDisk(t *testing.T) {
	spec := fakeSpec(t, fakeCell(t, OfflineName, ""), func(backends.Phase) {})
	if err := os.Symlink("/dev/full", filepath.Join(spec.Dir, driverFile)); err != nil {
		t.Fatal(err)
	}
	_, err := Offline().Launch(t.Context(), spec)
	var launch *backends.LaunchError
	if !errors.As(err, &launch) || launch.Class != "disk_full" || !launch.Environment || launch.Hint == "" || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%+v (%v)", launch, err)
	}
}

// pipeTo is an engine whose driver is a function; its process only lives and dies.
func pipeTo(t *testing.T, play func(io.Writer, ask)) *offline {
	t.Helper()
	p, err := launched.Start(t.Context(), backends.Spec{}, "vllm", backends.Command{Argv: []string{"sleep", "600"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := &offline{
		engine: &engine{p: p, spec: backends.Spec{Cell: fakeCell(t, OfflineName, "")}}, in: inW, out: outR,
		ready: make(chan readiness, 1), lines: make(chan []byte), wake: make(chan struct{}, 1),
		quit: make(chan struct{}), ended: make(chan struct{}), open: map[int64]asker{}, clock: newClock(0),
	}
	o.wg.Go(o.write)
	o.wg.Go(o.read)
	driver := make(chan struct{})
	go func() {
		defer close(driver)
		defer outW.Close()
		for lines := bufio.NewScanner(inR); lines.Scan(); {
			var a ask
			if json.Unmarshal(lines.Bytes(), &a) == nil && a.ID > 0 {
				play(outW, a)
			}
		}
	}()
	t.Cleanup(func() {
		if err := o.engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
		o.in.Close()
		<-driver // its end closes our other pipe
		o.shut()
		inR.Close()
	})
	return o
}
