package report

import (
	"cmp"
	"context"
	"fmt"
)

// Build makes the document. It never fails for what the tree lacks: the document says so.
// Build is the whole report, in the order in which a reader should meet it.
// An error is of reading (a row table that cannot be opened), or of the context that ended it; damage
// (table.ErrCorrupt) is shown and no error.
func Build(ctx context.Context, in Input) (*Document, error) {
	m := &maker{Input: in, ctx: ctx, doc: &Document{Title: in.Title}}
	m.doc.Made = fmt.Sprintf("Made %s by matrix %s from %s.", in.Made.UTC().Format("2006-01-02 15:04 UTC"), cmp.Or(in.Version, "(no version)"), place(in.Set.Root))
	for _, c := range in.Set.Cells {
		if c.Simulated {
			m.doc.Banner, m.doc.Mark = simulatedBanner, Simulated
		}
	}
	// One simulated cell marks every chart and heading: a figure copied out of the page must carry the warning with it.
	m.groups = groupsOf(in.Set)
	// What decides comes first and open; what backs it up is folded, and printed all the same.
	for _, section := range []func() (Section, error){m.answer, m.tradeoff, m.latency, m.telemetry, m.load, m.failures, m.quality} {
		if err := m.add(section, false); err != nil {
			return nil, err
		}
	}
	for _, section := range []func() (Section, error){m.recipe, m.ranking, m.comparison, m.unlike, histories{m}.section, m.tuning, m.environment, m.inventory} {
		if err := m.add(section, true); err != nil {
			return nil, err
		}
	}
	return m.doc, nil
}

// add makes a section, folded where only some readers want it; one that has nothing to say is left out.
// The error is that of the reading; whoever gets it drops the document.
func (m *maker) add(section func() (Section, error), folded bool) error {
	s, err := section()
	if err == nil && len(s.Blocks) > 0 {
		s.Folded = folded
		m.doc.Sections = append(m.doc.Sections, s)
	}
	return err
}
