package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/results/claim"
	"matrix/results/store"
	"matrix/runner/apply"
	runs "matrix/runner/launch"
	"matrix/runner/telemetry"
)

// watched is a tree with a board, which a test writes.
type watched struct {
	t     *testing.T
	root  string
	at    time.Time
	board apply.Board
	*Watcher
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{t: t, root: t.TempDir(), at: time.Unix(1_800_000_000, 0)}
	w.board = apply.Board{PID: os.Getpid(), Owner: claim.Me("test"), Experiment: "e", Launches: []runs.Running{{Attempt: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Cell: "c", Name: "<script>"}}}
	store, err := store.Open(w.root)
	if err != nil {
		t.Fatal(err)
	}
	w.Watcher = New(store)
	return w
}

func (w *watched) file(text string, path ...string) {
	w.t.Helper()
	at := filepath.Join(append([]string{w.root, ".matrix"}, path...)...)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// writes the board by a clock, and looks a second later by ours.
func (w *watched) beat(clock time.Time, in ...string) []Message {
	w.t.Helper()
	w.board.At = clock
	text, err := json.Marshal(w.board)
	if err != nil {
		w.t.Fatal(err)
	}
	w.file(string(text), append(in, apply.BoardFile)...)
	return w.after(time.Second)
}

func (w *watched) after(d time.Duration) []Message { w.at = w.at.Add(d); return w.Look(w.at) }

// state is that of the only apply; "" = none, "same" = nothing new is told.
func state(messages []Message) string {
	for _, m := range messages {
		if n, is := m.Data.(Now); is {
			if len(n.Apply) == 0 {
				return ""
			}
			return n.Apply[0].State
		}
	}
	return "same"
}

// An apply runs while its board is written, whatever its clock says; then it is silent; whose process is gone is dead at once.
func TestStates(t *testing.T) {
	w := watch(t)
	if got := state(w.after(0)); got != "" {
		t.Errorf("at first: %q", got)
	}
	if got := state(w.beat(w.at)); got != Running {
		t.Errorf("a board of now: %q", got)
	}
	if got := state(w.after(time.Second)); got != "same" {
		t.Errorf("nothing new: %q", got)
	}
	if got := state(w.after(quiet)); got != Silent {
		t.Errorf("of %s ago: %q", quiet, got)
	}
	if got := state(w.beat(w.at)); got != Running {
		t.Errorf("it goes on: %q", got)
	}
	past := w.at.Add(-time.Hour) // another machine's clock
	if got := state(w.beat(past)); got != Running {
		t.Errorf("by a clock that is an hour late: %q", got)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	w.board.Owner.PID = gone.Process.Pid
	if got := state(w.beat(w.at)); got != Dead {
		t.Errorf("of a process that is gone: %q", got)
	}
	if err := os.Remove(filepath.Join(w.root, ".matrix", apply.BoardFile)); err != nil {
		t.Fatal(err)
	}
	if got := state(w.after(time.Second)); got != "" {
		t.Errorf("over: %q", got)
	}
}

// A board that is an hour old at the first look is silent: nobody has seen it change.
func TestOldBoard(t *testing.T) {
	w := watch(t)
	if got := state(w.beat(w.at.Add(-time.Hour))); got != Silent {
		t.Errorf("%q", got)
	}
}

func kinds(messages []Message) (list string) {
	for _, m := range messages {
		list += m.Event + " "
	}
	return strings.TrimSpace(list)
}

// A journal is told line by line as it grows, half a line when it is whole; another apply's begins anew; what is no JSON is no record.
func TestJournal(t *testing.T) {
	w := watch(t)
	w.after(0)
	path := filepath.Join(w.root, ".matrix", apply.JournalFile)
	w.file("{\"type\":\"version\"}\n{\"type\":\"warn", apply.JournalFile)
	if got := kinds(w.after(time.Second)); !strings.HasPrefix(got, "begin records") {
		t.Errorf("at first: %s", got)
	}
	if got := kinds(w.after(time.Second)); strings.Contains(got, "records") {
		t.Errorf("half a line: %s", got)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("ing\"}\nnonsense\n{}\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	got := w.after(time.Second)
	records, _ := json.Marshal(got[0].Data)
	if kinds(got[:1]) != "records" || string(records) != `{"source":"","of":[{"type":"warning"},{}]}` {
		t.Errorf("then: %s %s", kinds(got), records)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.file("{\"type\":\"version\"}\n", apply.JournalFile)
	if got := kinds(w.after(time.Second)); !strings.HasPrefix(got, "begin records") {
		t.Errorf("the next apply: %s", got)
	}
}

// The task of a cluster has a board below its claim; the log of a launch is told as it grows; a name that leads out of the tree is none.
func TestTasksAndLogs(t *testing.T) {
	w := watch(t)
	claimed := []string{"cluster", "01RUN", "claims", "abc-1"}
	w.file("one\ntwo\n", append(claimed, "work", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "server.log")...)
	got := w.beat(w.at, claimed...)
	if state(got) != Running || !strings.Contains(kinds(got), "log") {
		t.Errorf("%s: %s", state(got), kinds(got))
	}
	if n := got[len(got)-1].Data.(Now); n.Apply[0].Source != filepath.Join(claimed...) || len(n.Apply[0].Launches) != 1 {
		t.Errorf("%+v", n)
	}
	w.board.Launches[0].Attempt = "../../../../../../../etc"
	if got := kinds(w.beat(w.at, claimed...)); strings.Contains(got, "log") {
		t.Errorf("a name out of the tree: %s", got)
	}
}

// An attempt that lands changes the tree, whoever put it there.
func TestTreeChanges(t *testing.T) {
	w := watch(t)
	w.after(0)
	if err := os.MkdirAll(filepath.Join(w.root, "e", "cell", "01ARZ3NDEKTSV4RRFFQ69G5FAV"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := kinds(w.after(lookAround)); !strings.Contains(got, "tree") {
		t.Errorf("a new cell: %q", got)
	}
	if got := kinds(w.after(lookAround)); strings.Contains(got, "tree") {
		t.Errorf("nothing new: %q", got)
	}
	if err := os.Rename(filepath.Join(w.root, "e"), filepath.Join(w.root, "f")); err != nil {
		t.Fatal(err)
	}
	if got := kinds(w.after(lookAround)); !strings.Contains(got, "tree") {
		t.Errorf("an experiment by another name: %q", got)
	}
	if err := os.Rename(w.root, w.root+" moved"); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(w.root + " moved")
	got := w.after(lookAround)
	if n, is := got[len(got)-1].Data.(Now); !is || !n.Gone {
		t.Errorf("moved away: %+v", got)
	}
}

// While a shared server loads, its log is told from where it lies, and telemetry by the board, each reading once.
func TestSharedServerLoads(t *testing.T) {
	const server = "01ARZ3NDEKTSV4RRFFQ69G5FAW"
	w := watch(t)
	w.after(0)
	l := &w.board.Launches[0]
	l.Server, l.Samples = server, []telemetry.Sample{{At: w.at, Source: "host", Metric: "rss_bytes", Value: 7}}
	dir := filepath.Join(w.root, "e", "launches", server)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "server.log"), []byte("loading\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	got := w.beat(w.at)
	told, _ := json.Marshal(got)
	if kinds(got) != "log samples now" || !strings.Contains(string(told), `"text":"loading\n"`) || !strings.Contains(string(told), `[[1800000000,"host","rss_bytes",7]]`) {
		t.Errorf("%s", told)
	}
	l.Samples = append(l.Samples, telemetry.Sample{At: w.at, Source: "host", Metric: "rss_bytes", Value: 8})
	if told, _ := json.Marshal(w.beat(w.at)); !strings.Contains(string(told), `"rows":[[1800000001,"host","rss_bytes",8]]`) {
		t.Errorf("then: %s", told)
	}
	w.board.Experiment = "../../etc"
	if told, _ := json.Marshal(w.beat(w.at)); !strings.Contains(string(told), `"text":""`) {
		t.Errorf("a name out of the tree: %s", told)
	}
}

// A long journal is told piece by piece, so that one who does not read holds little; what runs is told after it.
func TestLongJournal(t *testing.T) {
	w := watch(t)
	line := "{\"type\":\"warning\",\"message\":\"" + strings.Repeat("x", 1000) + "\"}\n"
	const lines = 3000
	w.file(strings.Repeat(line, lines), apply.JournalFile)
	told, looks := 0, 0
	for behind := true; behind; behind = w.Behind() {
		got := w.Look(w.at)
		looks++
		for _, m := range got {
			if m.Event == "records" {
				text, _ := json.Marshal(m.Data)
				if told += strings.Count(string(text), "warning"); len(text) > 2*mostRead {
					t.Errorf("%d bytes at once", len(text))
				}
			}
		}
		if is := strings.Contains(kinds(got), "now"); is != (told == lines) {
			t.Errorf("after %d lines: %s", told, kinds(got))
		}
	}
	if told != lines || looks < 3 {
		t.Errorf("%d lines in %d looks", told, looks)
	}
}

// TestRunOnAClusterIsTold: its tasks may wait in the queue for hours, and no board tells of them.
func TestRunOnAClusterIsTold(t *testing.T) {
	w := watch(t)
	told := func() (runs []Run) {
		w.at = w.at.Add(lookAround)
		for _, m := range w.Look(w.at) {
			if now, is := m.Data.(Now); is {
				runs = now.Runs
			}
		}
		return runs
	}
	if runs := told(); len(runs) != 0 {
		t.Errorf("without a run: %+v", runs)
	}
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	launch := `{"address":"0123456789abcdef01","experiment":"e","slug":"s","name":"n","launch":%d}`
	w.file(`{"number":0,"launches":[`+fmt.Sprintf(launch, 1)+","+fmt.Sprintf(launch, 2)+`]}`, "cluster", id, "groups.jsonl")
	w.file(`{"id":"`+id+`"}`, "cluster", id, "run.json")
	if runs := told(); len(runs) != 1 || runs[0] != (Run{Name: "matrix-" + id, Launches: 2}) {
		t.Errorf("waiting: %+v", runs)
	}
	w.file("{}", "cluster", id, "done", "0123456789abcdef-1")
	if runs := told(); len(runs) != 1 || runs[0].Committed != 1 {
		t.Errorf("with one committed: %+v", runs)
	}
	w.file("", "cluster", id, "closed")
	if runs := told(); len(runs) != 0 {
		t.Errorf("closed: %+v", runs)
	}
}
