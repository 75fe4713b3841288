package plan

import (
	"bytes"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/lang"
	"matrix/runner/runnertest"
)

func TestSavedPlan(t *testing.T) {
	plan := func(spec string, launches ...int) *Plan {
		a, b := runnertest.Cell("a", 10), runnertest.Cell("bb", 10)
		return &Plan{Experiment: "exp", Filter: Filter{Only: []string{"platform=a*"}}, Items: []*Item{
			{Cell: a, Identity: runnertest.Identity(a.Address, map[string]string{"spec": spec}), State: New, Reasons: []Reason{ReasonNew}, Launches: launches},
			{Cell: b, Identity: runnertest.Identity(b.Address, nil), State: Done},
		}}
	}
	vars := lang.Options{Vars: []string{"n=1"}, Environ: []string{"MATRIX_VAR_m=2", "SECRET=x"}, Values: cell.Values{"n": int64(1), "m": "two"}}
	saved := NewSaved([]string{"x.hcl"}, map[string][]byte{"x.hcl": []byte("a = 1")}, vars, Filter{Only: []string{"platform=a*"}}, []*Plan{plan("", 1, 2)})
	var file bytes.Buffer
	if err := saved.Write(&file); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(file.String(), "SECRET") {
		t.Error("the plan file holds the environment")
	}
	read, err := ReadSaved(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if string(read.Files["x.hcl"]) != "a = 1" || len(read.pending) != 1 || read.Filter.Only[0] != "platform=a*" || read.Vars.Values["m"] != "two" || read.Vars.Vars != nil {
		t.Errorf("read back %+v", read)
	}
	drift := func(p *Plan) string { return strings.Join(read.Drift([]*Plan{p}), "\n") }
	if got := drift(plan("", 1, 2)); got != "" {
		t.Errorf("the same plan drifts: %s", got)
	}
	if got := drift(plan("", 2)); got != "" {
		t.Errorf("less to do is no drift: %s", got)
	}
	if got := drift(plan(`{"max_num_seqs":2}`, 1, 2)); !strings.Contains(got, "a/m/10: spec") {
		t.Errorf("changed spec: %q", got)
	}
	if got := drift(plan("", 1, 2, 3)); !strings.Contains(got, "launch 3 is pending now") {
		t.Errorf("one more launch: %q", got)
	}
	gone := plan("", 1, 2)
	gone.Items = gone.Items[1:]
	if got := drift(gone); got != "a/m/10 is no longer in the experiment" {
		t.Errorf("a cell is gone: %q", got)
	}
	gone.Filter.Only = append(gone.Filter.Only, "batch_size=99")
	if got := drift(gone); got != "" {
		t.Errorf("narrowed by the user: %q", got)
	}
	more := plan("", 1, 2)
	more.Items[1].Launches, more.Items[1].Reasons = []int{1}, []Reason{ReasonTainted}
	if got := drift(more); !strings.Contains(got, "bb/m/10 is pending now") || !strings.Contains(got, "tainted") {
		t.Errorf("one more cell: %q", got)
	}
}

func TestReadSavedRefuses(t *testing.T) {
	for text, want := range map[string]string{"": "no plan", "{": "no plan", `{"schema":9}`: "schema 9",
		`{"schema":2}`: "names no files", `{"schema":2,"paths":["x"]}` + "\n" + `{"cell":{"components":[0]}}`: "component 0 of 0", `{"schema":2,"paths":["x"]}` + "\n{": "damaged"} {
		if _, err := ReadSaved(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzReadSaved(f *testing.F) {
	f.Add([]byte(`{"schema":2,"paths":["x"]}
{"component":{"name":"spec","hash":"h","value":{}}}
{"cell":{"address":"a","components":[0],"launches":[1]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadSaved(bytes.NewReader(data))
		if err == nil && len(s.Drift(nil)) > len(s.pending) {
			t.Error("more drift than cells")
		}
	})
}

// A plan that was changed or cut anywhere is no plan.
func TestSavedPlanChecksum(t *testing.T) {
	a := runnertest.Cell("a", 10)
	plan := &Plan{Experiment: "exp", Items: []*Item{{Cell: a, Identity: runnertest.Identity(a.Address, map[string]string{"spec": `{"x":1}`}), State: New, Reasons: []Reason{ReasonNew}, Launches: []int{1}}}}
	var file bytes.Buffer
	if err := NewSaved([]string{"x.hcl"}, map[string][]byte{"x.hcl": []byte("a = 1")}, lang.Options{}, Filter{}, []*Plan{plan}).Write(&file); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	if _, err := ReadSaved(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) - 1 { // but the last line's end
		if _, err := ReadSaved(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("cut at %d of %d it is a plan", n, len(whole))
		}
		flipped := bytes.Clone(whole)
		flipped[n] ^= 1
		if _, err := ReadSaved(bytes.NewReader(flipped)); err == nil {
			t.Errorf("byte %d (%q) flipped it is a plan", n, whole[n])
		}
	}
}
