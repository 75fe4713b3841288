package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/slurm"
)

// Cluster tells what a watcher of a run on a cluster sees.
// Not for concurrent use.
func Cluster(out *Printer) func(slurm.Event) { return (&clusterView{Printer: out}).observe }

// clusterView says how the tasks of a run on a cluster get on, as lines or records.
type clusterView struct {
	*Printer
	last string // how the queue stood
}

// observe says one event.
func (v *clusterView) observe(e slurm.Event) {
	dot := v.Style.Dot()
	switch e.Kind {
	case "submitted":
		again, hardware := "", ""
		if e.Again {
			again = " again: Slurm knew nothing of them"
		}
		if e.Hardware != "" {
			hardware = " for " + e.Hardware
		}
		v.Tell(ndjson.Submitted{Job: e.Job, Tasks: e.Tasks, Hardware: e.Hardware, Again: e.Again}, "  job %s: %s%s%s", e.Job, format.Count(e.Tasks, "task"), hardware, again)
	case "launch":
		l, d, n := e.Launch, e.Done, e.Summary.Committed()
		v.Tell(ndjson.LaunchDone{Experiment: l.Experiment, Cell: l.Address[:16], Name: l.Name, Launch: l.Launch, Attempt: d.Attempt, Status: d.Status, Reason: d.Reason, Host: d.Host,
			Job: d.Job, Committed: n, Launches: e.Summary.Launches},
			"  [%d/%d] %s%slaunch %d%s%s on %s%s", n, e.Summary.Launches, l.Name, dot, l.Launch, dot, strings.ReplaceAll(d.Status, "_", " "), d.Host, failure(d))
	// Slurm did not answer, or lost something: the watch goes on
	case "trouble":
		v.Warn(e.Text)
	case "progress":
		v.progress(e)
	}
}

// failure is why a launch did not complete.
func failure(d *slurm.Done) string {
	if d.Status == record.Complete {
		return ""
	}
	return ": " + d.Reason
}

// progress says how the queue stands, when that has changed.
func (v *clusterView) progress(e slurm.Event) {
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(e.Queue)) {
		parts = append(parts, fmt.Sprintf("%d %s", e.Queue[state], state))
	}
	text := fmt.Sprintf("  %d of %d committed; the queue has %s", e.Summary.Committed(), e.Summary.Launches, strings.Join(parts, ", "))
	// a queue is asked every few seconds, and mostly stands still
	if len(parts) == 0 || text == v.last {
		return
	}
	v.last = text
	v.Tell(ndjson.ClusterProgress{Committed: e.Summary.Committed(), Launches: e.Summary.Launches, Queue: e.Queue}, "%s", text)
}

// ClusterStatus says where a run on a cluster stands.
// A claim without a holder was given back, and waits for another task.
func ClusterStatus(out *Printer, run *slurm.Run, st slurm.Status) {
	committed := 0
	for _, n := range st.Status {
		committed += n
	}
	watched, watcher := st.Watcher != nil, "nobody watches it: matrix apply --on slurm does"
	if watched {
		watcher = "watched by " + st.Watcher.Owner.String()
	}
	claims, dot := len(st.Claims), out.Style.Dot()
	out.Tell(ndjson.ClusterRun{Run: run.ID, Launches: &st.Launches, Committed: &committed, Status: st.Status, Claims: &claims, Watched: &watched},
		"On a cluster: %s%s%d of %d launches committed, %d under way; %s.", run.Name(), dot, committed, st.Launches, claims, watcher)
	for _, c := range st.Claims {
		where := "given back"
		r := ndjson.Claim{Name: c.Launch.Name, Cell: c.Launch.Address[:16], Launch: c.Launch.Launch, Done: c.Done, Planned: c.Planned}
		if h := c.Holder; h != nil {
			o := h.Owner
			where = fmt.Sprintf("%s%sjob %s_%s%sheard of %.0f s ago", o.Host, dot, o.Job, o.Task, dot, h.Seen.Seconds())
			r.Host, r.Job, r.Task, r.Restart, r.PID, r.SeenS = &o.Host, o.Job, o.Task, o.Restart, o.PID, seconds(&h.Seen)
		}
		out.Tell(r, "  %s  %s%slaunch %d%s%s of %s requests%s%s", c.Launch.Address[:8], c.Launch.Name, dot, c.Launch.Launch, dot, format.Whole(c.Done), format.Whole(c.Planned), dot, where)
	}
}
