package exchange

import (
	"context"
	"fmt"
	"maps"

	"matrix/results/store"
	"matrix/results/table"
)

// seat is a launch of a cell.
type seat struct {
	address string
	launch  int
}

// Number gives the sets of an import the launches that follow those which earlier imports of the same cells kept, so that
// files imported one after the other are launches 1, 2, … as they are together. A file that was imported before takes the
// places that it had: it is no second measurement, nor is a copy of it in the same import. sources are the files as they were, nil where one is too large to be
// kept; such a one takes the places of those before it, for nobody can tell them apart. A launch that was told is left as
// it is, with a word where something else has its place; two sets of one import that were told the same are an error.
// It only reads the tree; Keep writes. Without it a second import would take launch 1 again, and supersede the first.
func Number(ctx context.Context, store *store.Store, experiment string, sources [][]byte, files [][]*Set) error {
	history, err := store.History(ctx, experiment)
	if err != nil {
		return err
	}
	// by address and source: the same file again
	held, last := map[string][]int{}, map[string]int{} // launches by cell and file; the last one by cell
	there, told := map[seat]bool{}, map[seat]bool{}    // in the tree, and by this import
	for _, p := range history {
		if at := p.Address + p.Source; p.Imported() && (len(held[at]) == 0 || held[at][len(held[at])-1] < p.Launch) {
			held[at] = append(held[at], p.Launch)
		}
		last[p.Address] = max(last[p.Address], p.Launch)
		there[seat{p.Address, p.Launch}] = true
	}
	// as the tree is, without what this import adds
	before := maps.Clone(last)
	same := map[string]int{} // of this import, by source: the first file that has it
	for n, sets := range files {
		// as the store names a source that it was not given
		sum := ""
		if len(sources[n]) > 0 {
			sum = table.Sum(sources[n]).SHA256
		}
		first, again := same[sum]
		if sum != "" && !again {
			same[sum] = n
		}
		for i, s := range sets {
			c, err := cellOf(experiment, s, history)
			if err != nil {
				continue // Keep says so
			}
			at := c.Address
			switch places := held[at+sum]; {
			case s.numbered && told[seat{at, s.Labels.Launch}]:
				return fmt.Errorf("two results are both to be launch %d of %s: import them one by one, or leave --launch out", s.Labels.Launch, c.Name())
			case s.numbered:
				told[seat{at, s.Labels.Launch}] = true
				switch {
				case there[seat{at, s.Labels.Launch}]:
					s.Place = fmt.Sprintf("it takes the place of launch %d, which was imported before", s.Labels.Launch)
				case len(places) > 0:
					s.Place = fmt.Sprintf("the same file is launch %d too: as two launches it shows that launches do not differ, which nobody measured", places[0])
				}
			case again: // a copy under another name: as two launches it would show that launches do not differ
				s.Labels.Launch = files[first][i].Labels.Launch
				s.Place = fmt.Sprintf("it is the same file once more, and takes the place of launch %d (--launch N makes it another)", s.Labels.Launch)
			case len(places) > 0:
				s.Labels.Launch, held[at+sum] = places[0], places[1:]
				s.Place = fmt.Sprintf("it takes the place of launch %d, as that was imported before (--launch N makes it another)", places[0])
			default:
				s.Labels.Launch = last[at] + 1
				if before[at] > 0 {
					s.Place = fmt.Sprintf("launches up to %d are there already; --launch N takes the place of one", before[at])
				}
			}
			last[at] = max(last[at], s.Labels.Launch)
		}
	}
	return nil
}
