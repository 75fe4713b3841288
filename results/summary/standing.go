package summary

import (
	"cmp"
	"slices"
	"strings"

	"matrix/results/record"
	"matrix/results/store"
)

// Standing is whether an attempt counts for its cell.
type Standing struct {
	store.Past
	WhyNot string // "" = it counts
}

// Why an attempt does not count, beside the words for an end that is not complete and for damage.
const (
	NotTainted    = "tainted"    // a person declared it void
	NotSuperseded = "superseded" // the cell was changed since, and measured or accepted anew
	NotReplaced   = "replaced"   // the same launch was measured again
)

// Standings are all attempts of the set, by experiment, cell and age.
// An attempt has one reason at most: damage goes before a mark, a mark before how it ended. Names of attempts are ULIDs, so
// their order is that of age.
func (s *Set) Standings() []Standing {
	var out []Standing
	for _, c := range s.Cells {
		for _, a := range c.Attempts {
			why := ""
			switch {
			case a.Status != record.Complete:
				why = a.Status
			case !slices.Contains(c.Launches, a):
				why = NotReplaced
			}
			out = append(out, Standing{a.Past, why})
		}
		out = append(out, c.void...)
	}
	for _, p := range s.Problems {
		out = append(out, Standing{p, p.Problem})
	}
	slices.SortFunc(out, func(a, b Standing) int {
		return cmp.Or(strings.Compare(a.Experiment, b.Experiment), strings.Compare(a.Slug, b.Slug), strings.Compare(a.Attempt, b.Attempt))
	})
	return out
}

// Keep writes counts.parquet of each experiment in the set: for readers of one glob, who see no marks.
// It overwrites what was there, experiment by experiment; the first error ends it, and what was written stays.
func (s *Set) Keep(store *store.Store) error {
	byExperiment := map[string][]record.CountRow{}
	var names []string
	for _, a := range s.Standings() {
		if byExperiment[a.Experiment] == nil {
			names = append(names, a.Experiment)
		}
		byExperiment[a.Experiment] = append(byExperiment[a.Experiment], record.CountRow{Experiment: a.Experiment, Cell: record.CellKey(a.Address),
			Launch: int32(a.Launch), Attempt: a.Attempt, Counts: a.WhyNot == "", WhyNot: a.WhyNot})
	}
	for _, name := range names {
		if err := store.WriteCounts(name, byExperiment[name]); err != nil {
			return err
		}
	}
	return nil
}

// Superseded is the newest result that the cell has of an earlier identity; nil without one.
// Tainted attempts are passed over.
func (c *Cell) Superseded(identity string) *store.Past {
	var found *store.Past
	for i := range c.void {
		p := &c.void[i].Past
		if p.Tainted == "" && p.Identity.Hash == identity && isResult(&Attempt{Past: *p}) && (found == nil || p.Attempt > found.Attempt) {
			found = p
		}
	}
	return found
}
