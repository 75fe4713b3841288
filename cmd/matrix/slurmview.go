package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/results"
	"matrix/runner/slurm"
)

// clusterView tells what a watcher sees.
type clusterView struct {
	app  *app
	last string
}

func (v *clusterView) observe(e slurm.Event) {
	a := v.app
	switch e.Kind {
	case "submitted":
		again := ""
		if e.Again {
			again = " again: Slurm knew nothing of them"
		}
		hardware := ""
		if e.Hardware != "" {
			hardware = " for " + e.Hardware
		}
		a.tell("submitted", map[string]any{"job": e.Job, "tasks": e.Tasks, "hardware": e.Hardware, "again": e.Again},
			"  job %s: %s%s%s", e.Job, count(e.Tasks, "task"), hardware, again)
	case "launch":
		a.tell("launch_done", map[string]any{"experiment": e.Launch.Experiment, "cell": e.Launch.Address[:16], "name": e.Launch.Name, "launch": e.Launch.Launch,
			"attempt": e.Done.Attempt, "status": e.Done.Status, "reason": e.Done.Reason, "host": e.Done.Host, "job": e.Done.Job,
			"committed": e.Summary.Committed(), "launches": e.Summary.Launches},
			"  [%d/%d] %s%slaunch %d%s%s on %s%s", e.Summary.Committed(), e.Summary.Launches, e.Launch.Name, a.style.dot(), e.Launch.Launch, a.style.dot(),
			strings.ReplaceAll(e.Done.Status, "_", " "), e.Done.Host, failure(e.Done))
	case "trouble":
		a.warn(e.Text)
	case "progress":
		v.progress(e)
	}
}

// failure is why a launch did not complete.
func failure(d *slurm.Done) string {
	if d.Status == results.Complete {
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
	if len(parts) == 0 || text == v.last {
		return
	}
	v.last = text
	v.app.tell("cluster_progress", map[string]any{"committed": e.Summary.Committed(), "launches": e.Summary.Launches, "queue": e.Queue}, "%s", text)
}

// writeClusterStatus says where a run on a cluster stands.
func (a *app) writeClusterStatus(ctx context.Context, store *results.Store) error {
	run, err := slurm.Underway(store)
	if run == nil || err != nil {
		return err
	}
	st, err := run.Look(ctx)
	if err != nil {
		return err
	}
	committed := 0
	for _, n := range st.Status {
		committed += n
	}
	watcher := "nobody watches it: matrix apply --on slurm does"
	if st.Watcher != nil {
		watcher = "watched by " + st.Watcher.Owner.String()
	}
	a.tell("cluster_run", map[string]any{"run": run.ID, "launches": st.Launches, "committed": committed, "status": st.Status, "claims": len(st.Claims), "watched": st.Watcher != nil},
		"On a cluster: %s%s%d of %d launches committed, %d under way; %s.", run.Name(), a.style.dot(), committed, st.Launches, len(st.Claims), watcher)
	for _, c := range st.Claims {
		where, seen := "given back", 0.0
		fields := map[string]any{"name": c.Launch.Name, "cell": c.Launch.Address[:16], "launch": c.Launch.Launch, "done": c.Done, "planned": c.Planned, "host": nil}
		if h := c.Holder; h != nil {
			o := h.Owner
			seen = h.Seen.Seconds()
			where = fmt.Sprintf("%s%sjob %s_%s%sheard of %.0f s ago", o.Host, a.style.dot(), o.Job, o.Task, a.style.dot(), seen)
			maps.Copy(fields, map[string]any{"host": o.Host, "job": o.Job, "task": o.Task, "restart": o.Restart, "pid": o.PID, "seen_s": seen})
		}
		a.tell("claim", fields, "  %s  %s%slaunch %d%s%s of %s requests%s%s", c.Launch.Address[:8], c.Launch.Name, a.style.dot(), c.Launch.Launch, a.style.dot(),
			thousands(c.Done), thousands(c.Planned), a.style.dot(), where)
	}
	return nil
}
