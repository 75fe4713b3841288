package app

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"matrix/experiments/cell"
	"matrix/experiments/dataset"
	"matrix/results/quality"
)

// Prompts are what an experiment's datasets say of each prompt.
// By id. Cells may have datasets of their own; a later one wins where ids are alike.
func (s *Session) Prompts(ctx context.Context, experiment string) (quality.Prompts, error) {
	byID := quality.Prompts{}
	seen := map[*dataset.Set]bool{}
	for _, c := range s.Cells[experiment] {
		if c.Dataset == nil {
			continue
		}
		set, err := s.sets.open(ctx, c.Dataset)
		if err != nil {
			return nil, ExplainFault(err)
		}
		if seen[set] {
			continue
		}
		seen[set] = true
		for i := range set.Len() {
			e, err := set.Entry(i)
			if err != nil {
				return nil, err
			}
			byID[e.ID] = quality.Prompt{Text: promptText(e), Reference: e.Reference}
		}
	}
	return byID, nil
}

// promptText is a prompt as a judge reads it; the turns of a chat stand one below the other.
func promptText(e dataset.Entry) string {
	var parts []string
	for _, m := range e.Messages {
		parts = append(parts, m.Content)
	}
	if len(parts) == 0 {
		return e.Prompt
	}
	return strings.Join(parts, "\n\n")
}

// datasets opens each dataset once.
// A dataset of a million prompts is opened in seconds, and a grid names it in each cell. Safe for concurrent use.
type datasets struct {
	mu     sync.Mutex
	opened map[string]opened // by everything that is said of the dataset
}

// opened is how the opening of a dataset ended. An error is kept too: to look again for each of a thousand cells would say
// the same, later.
type opened struct {
	set *dataset.Set
	err error
}

// open is called by cells of several experiments; two that declare the same share one set.
func (d *datasets) open(ctx context.Context, what *cell.Dataset) (*dataset.Set, error) {
	key := fmt.Sprintf("%+v", *what)
	if what.Synthetic != nil {
		key += fmt.Sprintf("%+v", *what.Synthetic)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.opened[key]
	if !ok {
		known.set, known.err = dataset.Open(ctx, what)
		d.opened[key] = known
	}
	return known.set, known.err
}

func (d *datasets) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, known := range d.opened {
		if known.err == nil {
			_ = known.set.Close() // read-only
		}
	}
}
