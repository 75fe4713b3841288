package plan

import (
	"fmt"
	"maps"
	"slices"

	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/results/store"
)

// verdict is the judging of one item: pure, from attempts to state, reasons and launches.
type verdict struct {
	item   *Item
	filter Filter
	left   map[int]*leftover

	complete, failed map[int]*store.Past // the attempt that counts, by launch
	void             map[int]exclusion   // results that do not count, by launch
	environment      map[int]*store.Past // environment failures and committed interruptions
	reasons          map[Reason]bool
}

// exclusion is why a result does not count.
type exclusion struct {
	reason Reason
	detail string
}

// judge takes the attempts of this identity, oldest first, and the last result of another identity at the address.
func (v *verdict) judge(past []*store.Past, before *store.Past) {
	if len(past) == 0 && before == nil && len(v.left) == 0 {
		v.unseen()
		return
	}
	v.complete, v.failed = map[int]*store.Past{}, map[int]*store.Past{}
	v.void, v.environment, v.reasons = map[int]exclusion{}, map[int]*store.Past{}, map[Reason]bool{}
	for _, p := range past {
		v.weigh(p)
	}
	item := v.item
	item.Done = len(v.complete)
	item.Launches = append(v.wanted(), v.begunAgain()...)
	slices.Sort(item.Launches)
	for _, x := range v.void {
		v.reasons[x.reason] = true
		item.Detail = x.detail
	}
	if v.filter.replaced(item.Cell) {
		v.replace()
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

// unseen is the verdict on a cell that nothing is known of: most of them in a large plan.
func (v *verdict) unseen() {
	item := v.item
	item.State, item.Reasons, item.Launches = New, []Reason{ReasonNew}, upTo(item.Cell.Launches)
	if item.Missing != nil {
		item.State = Unavailable
	}
}

// weigh puts one attempt into the books; a later one of the same launch counts in place of an earlier, but nothing in
// place of a complete one.
func (v *verdict) weigh(p *store.Past) {
	n := p.Launch
	switch {
	case p.Tainted != "":
		v.set(n, exclusion{ReasonTainted, "tainted: " + p.Tainted})
	case p.Problem != "":
		if isResult(p) || p.Status == "" { // a manifest that cannot be read tells no status
			v.set(n, exclusion{Reason(p.Problem), "attempt " + p.Attempt + prefixed(": ", p.Detail)})
		}
	case p.Status == record.Complete:
		v.complete[n] = p
		delete(v.failed, n)
		delete(v.void, n)
		delete(v.environment, n)
	case v.complete[n] != nil:
	case isResult(p) && v.filter.again(p):
		v.set(n, exclusion{ReasonRequested, ""})
	case isResult(p):
		v.failed[n] = p
		delete(v.environment, n)
	case v.failed[n] == nil:
		v.environment[n] = p
	}
}

// set says why a launch does not count, unless another attempt at it does.
func (v *verdict) set(n int, x exclusion) {
	if v.complete[n] == nil && v.failed[n] == nil {
		v.void[n] = x
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

// replace asks for every launch again but those that have been run since that was asked for.
func (v *verdict) replace() {
	again := slices.DeleteFunc(upTo(v.item.Cell.Launches), func(n int) bool {
		return v.filter.since(v.complete[n]) || v.filter.since(v.failed[n])
	})
	if len(again) == 0 {
		return
	}
	v.item.Launches = again
	v.reasons, v.item.Detail = map[Reason]bool{ReasonRequested: true}, ""
}

// begunAgain numbers the launches that have a result, of which another was asked for (--replace, --rerun) and interrupted
// midway: it goes on like any other, without being asked for once more.
func (v *verdict) begunAgain() []int {
	var numbers []int
	for n, l := range v.left {
		if (v.complete[n] != nil || v.failed[n] != nil) && goesOn(v.item.Cell, l) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// upTo is 1 … n.
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
func (v *verdict) stale(before *store.Past) {
	item := v.item
	item.State, item.Detail = Stale, ""
	item.Changes = cell.Diff(before.Identity, item.Identity, item.Cell)
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
	v.environmental()
	v.unfinished()
	if len(v.complete)+len(v.failed) > 0 && len(v.wanted()) > 0 && !v.reasons[ReasonRequested] {
		v.reasons[ReasonIncomplete] = true
	}
	if len(v.reasons) == 0 {
		v.reasons[ReasonNew] = true
	}
	item.State = New
	if known || v.reasons[ReasonInterrupted] || v.reasons[ReasonEnvironmentFailed] {
		item.State = Partial
	}
	item.Reasons = sortReasons(v.reasons)
}

// environmental adds what went wrong around the engine, of the launches that are to run.
func (v *verdict) environmental() {
	for _, n := range v.item.Launches {
		p := v.environment[n]
		switch {
		case p == nil || v.reasons[ReasonRequested]:
			continue
		case p.Status == record.Interrupted:
			v.reasons[ReasonInterrupted] = true
		default:
			v.reasons[ReasonEnvironmentFailed] = true
		}
		v.item.Detail = p.Reason
	}
}

// unfinished adds the attempt that goes on.
func (v *verdict) unfinished() {
	for _, n := range v.item.Launches {
		l := v.left[n]
		if l == nil {
			continue
		}
		v.reasons[ReasonInterrupted] = true
		v.item.Detail = fmt.Sprintf("interrupted after %s of %s requests", format.Whole(l.finished), format.Whole(l.planned))
		if goesOn(v.item.Cell, l) {
			v.item.Resume = l.id
			return
		}
		v.item.Detail += "; starts over"
	}
}

// noteEnvironment tells what differs around a result that still counts.
func (v *verdict) noteEnvironment(past []*store.Past) {
	if v.item.Done == 0 || len(past) == 0 {
		return
	}
	last := past[len(past)-1]
	if last.Identity.Components.Get("environment").Hash == v.item.Identity.Components.Get("environment").Hash {
		return
	}
	for _, c := range cell.Diff(last.Identity, v.item.Identity, v.item.Cell) {
		// Our own version changes with every build; saying so at each cell would bury the rest.
		if c.Component == "environment" && c.Path != "matrix" {
			v.item.Notes = append(v.item.Notes, fmt.Sprintf("environment %s %s → %s since (a note; nothing runs again for it)", c.Path, c.Before, c.After))
		}
	}
}

// changedKinds lists the components that make the difference, in the order in which they are said.
func changedKinds(before, after cell.Identity) []string {
	var kinds []string
	for _, kind := range staleKinds {
		if before.Components.Get(kind).Hash != after.Components.Get(kind).Hash {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// reasonOrder is the order in which reasons are said.
var reasonOrder = []Reason{ReasonNew, ReasonIncomplete, ReasonEnvironmentFailed, ReasonInterrupted, ReasonSpec, ReasonDataset,
	ReasonModel, ReasonBackend, ReasonHardware, ReasonMissing, ReasonCorrupt, ReasonUnverified, ReasonTainted, ReasonRequested}

// sortReasons are the reasons in the order in which they are shown.
func sortReasons(set map[Reason]bool) []Reason {
	var sorted []Reason
	for _, r := range reasonOrder {
		if set[r] {
			sorted = append(sorted, r)
		}
	}
	return sorted
}

// isResult reports whether an attempt says something about the engine.
func isResult(p *store.Past) bool {
	return p.Status == record.Complete || p.Status == record.EngineFailed || p.Status == record.Censored
}

// hasResult reports that one of some attempts is a result.
func hasResult(past []*store.Past) bool { return slices.ContainsFunc(past, isResult) }
