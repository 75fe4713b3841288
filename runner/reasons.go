package runner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"matrix/experiments"
	"matrix/results"
)

// verdict is the judging of one item: pure, from attempts to state, reasons and launches.
type verdict struct {
	item   *Item
	filter Filter
	left   map[int]*leftover

	complete, failed map[int]*results.Past // the attempt that counts, by launch
	reasons          map[Reason]bool
	environment      *results.Past // the last environment failure or committed interruption
}

// judge takes the attempts of this identity, oldest first, and the last result of another identity at the address.
func (v *verdict) judge(past []*results.Past, before *results.Past) {
	v.complete, v.failed, v.reasons = map[int]*results.Past{}, map[int]*results.Past{}, map[Reason]bool{}
	for _, p := range past {
		v.weigh(p)
	}
	for n := range v.complete {
		delete(v.failed, n) // it was run again, and went well
	}
	item := v.item
	item.Done = len(v.complete)
	item.Launches = v.wanted()
	if v.filter.replaced(item.Cell) {
		item.Launches = upTo(item.Cell.Launches)
		v.reasons = map[Reason]bool{ReasonRequested: true}
	}
	v.noteEnvironment(past)
	switch {
	case !item.Pending():
		v.settled()
	case before != nil && !hasResult(past):
		v.stale(before)
	default:
		v.pending()
	}
	if item.Pending() && item.Missing != nil {
		item.State = Unavailable
	}
}

// weigh puts one attempt into the books; a later one of the same launch counts in place of an earlier.
func (v *verdict) weigh(p *results.Past) {
	switch {
	case p.Tainted != "":
		v.reasons[ReasonTainted] = true
		v.item.Detail = "tainted: " + p.Tainted
	case p.Problem != "" && isResult(p):
		v.reasons[Reason(p.Problem)] = true
		v.item.Detail = fmt.Sprintf("attempt %s: %s", p.Attempt, p.Reason)
		if p.Reason == "" {
			v.item.Detail = "attempt " + p.Attempt
		}
	case p.Status == results.Complete:
		v.complete[p.Launch] = p
	case p.Status == results.EngineFailed || p.Status == results.Censored:
		if v.filter.again(p.Status) {
			v.reasons[ReasonRequested] = true
			return
		}
		v.failed[p.Launch] = p
	default:
		v.environment = p
	}
}

// wanted numbers the launches to run: the policy's count less those that have a result, on the lowest free numbers.
func (v *verdict) wanted() []int {
	need := v.item.Cell.Launches - len(v.complete) - len(v.failed)
	var numbers []int
	for n := 1; len(numbers) < need; n++ {
		if v.complete[n] == nil && v.failed[n] == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

func upTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i + 1
	}
	return numbers
}

// settled: nothing is to be done.
func (v *verdict) settled() {
	v.item.Resume = ""
	if len(v.failed) == 0 {
		v.item.State, v.item.Detail = Done, ""
		return
	}
	v.item.State, v.item.Detail = FailedState, v.failures()
}

// failures says how many launches ended badly and why the last did.
func (v *verdict) failures() string {
	last := v.failed[slices.Max(slices.Collect(maps.Keys(v.failed)))]
	all := len(v.failed) + len(v.complete)
	why := last.Reason
	if why == "" {
		why = last.Status
	}
	return fmt.Sprintf("%d of %d launches: %s", len(v.failed), all, why)
}

// stale: results exist, for what the cell was before.
func (v *verdict) stale(before *results.Past) {
	item := v.item
	item.State, item.Detail = Stale, ""
	item.Changes = experiments.Diff(before.Identity, item.Identity, item.Cell)
	changed := changedKinds(before.Identity, item.Identity)
	if !v.filter.triggers(changed) && !v.reasons[ReasonRequested] {
		item.Launches = nil
		item.Detail = "changed, and left as it is by --rerun"
		return
	}
	for _, kind := range changed {
		v.reasons[Reason(kind+"_changed")] = true
	}
	v.unfinished()
	item.Reasons = sortReasons(v.reasons)
}

// pending: launches are missing, for whatever reasons.
func (v *verdict) pending() {
	item := v.item
	known := len(v.complete)+len(v.failed) > 0 || len(v.reasons) > 0
	if len(v.failed) > 0 && item.Detail == "" {
		item.Detail = v.failures()
	}
	if v.environment != nil && !v.reasons[ReasonRequested] {
		reason := ReasonEnvironmentFailed
		if v.environment.Status == results.Interrupted {
			reason = ReasonInterrupted
		}
		v.reasons[reason] = true
		item.Detail = v.environment.Reason
	}
	v.unfinished()
	if len(v.complete)+len(v.failed) > 0 && !v.reasons[ReasonRequested] {
		v.reasons[ReasonIncomplete] = true
	}
	if len(v.reasons) == 0 {
		v.reasons[ReasonNew] = true
	}
	item.State = New
	if known || v.reasons[ReasonInterrupted] {
		item.State = Partial
	}
	item.Reasons = sortReasons(v.reasons)
}

// unfinished adds the attempt that goes on.
func (v *verdict) unfinished() {
	for _, n := range v.item.Launches {
		l := v.left[n]
		if l == nil {
			continue
		}
		v.reasons[ReasonInterrupted] = true
		v.item.Detail = fmt.Sprintf("interrupted after %s of %s requests", thousands(l.finished), thousands(l.planned))
		if goesOn(v.item.Cell, l) {
			v.item.Resume = l.id
			return
		}
		v.item.Detail += "; starts over"
	}
}

// goesOn reports whether an interrupted attempt is worth a new segment. One that measured nothing starts over: as a
// whole attempt it can be compared with others, and no work is lost.
func goesOn(c *experiments.Cell, l *leftover) bool { return c.Resume && l.finished > 0 }

// noteEnvironment tells what differs around a result that still counts.
func (v *verdict) noteEnvironment(past []*results.Past) {
	if v.item.Done == 0 || len(past) == 0 {
		return
	}
	last := past[len(past)-1]
	if last.Identity.Components["environment"].Hash == v.item.Identity.Components["environment"].Hash {
		return
	}
	for _, c := range experiments.Diff(last.Identity, v.item.Identity, v.item.Cell) {
		// Our own version changes with every build; saying so at each cell would bury the rest.
		if c.Component == "environment" && c.Path != "matrix" {
			v.item.Notes = append(v.item.Notes, fmt.Sprintf("environment %s %s → %s since (a note; nothing runs again for it)", c.Path, c.Before, c.After))
		}
	}
}

// changedKinds lists the components that make the difference, in the order in which they are said.
func changedKinds(before, after experiments.Identity) []string {
	var kinds []string
	for _, kind := range staleKinds {
		if before.Components[kind].Hash != after.Components[kind].Hash {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// reasonOrder is the order in which reasons are said.
var reasonOrder = []Reason{ReasonNew, ReasonIncomplete, ReasonEnvironmentFailed, ReasonInterrupted, ReasonSpec, ReasonDataset,
	ReasonModel, ReasonBackend, ReasonHardware, ReasonMissing, ReasonCorrupt, ReasonUnverified, ReasonTainted, ReasonRequested}

func sortReasons(set map[Reason]bool) []Reason {
	var sorted []Reason
	for _, r := range reasonOrder {
		if set[r] {
			sorted = append(sorted, r)
		}
	}
	return sorted
}

// thousands writes 50000 as 50,000.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
