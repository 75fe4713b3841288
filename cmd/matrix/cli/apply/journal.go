package apply

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/plan"
)

// mostPlanned bounds the cells in a journal: a grid of more shows nothing.
// It bounds the size of the file, too.
const mostPlanned = 2000

// journal keeps the plan and the events of one apply beside its board, in the records of --json, for `matrix serve`. Like the
// board, what cannot be written of it is not worth a word.
type journal struct {
	path  string     // apply.JournalFile
	plan  *plan.Plan // as the apply runs it
	begun bool
	file  *os.File           // nil: nothing has happened, or it cannot be written
	write func(events.Event) // nil while file is
}

// journaled is apply.Apply with a journal.
// What is observed is told to the caller's observer first: the journal must delay nobody's screen.
func journaled(ctx context.Context, w plan.World, p *plan.Plan, o apply.Options) (events.Summary, error) {
	told, j := o.Observe, &journal{path: filepath.Join(w.Store.Inner(), apply.JournalFile), plan: p}
	defer j.close()
	o.Observe = func(e events.Event) { told(e); j.observe(e) }
	return apply.Apply(ctx, w, p, o)
}

// observe writes an event. What the board tells every second is left out. Never called concurrently.
func (j *journal) observe(e events.Event) {
	if !j.begun { // not before: until something happens, another apply may hold the results
		j.begun = true
		j.begin()
	}
	if j.file != nil && e.Kind != events.CellProgress && e.Kind != events.LaunchProgress {
		j.write(e)
	}
}

// begin replaces the journal of the apply before, by rename: who reads that one sees that it is another's.
// A link by that name is not followed: the tree may be somebody else's.
func (j *journal) begin() {
	_ = os.Remove(j.path + ".new") // of one that was killed just then
	file, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return
	}
	out := view.NewPrinter(file, io.Discard)
	out.JSON, out.Version = true, app.Version()
	out.Start(true)
	out.Begin()
	if len(j.plan.Items) <= mostPlanned {
		view.Plans(out, []*plan.Plan{j.plan}, false)
	}
	j.file, j.write = file, view.LineObserver(out, false)
	if os.Rename(j.path+".new", j.path) != nil {
		j.close()
	}
}

// close may be called twice; after it nothing is written.
func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
}
