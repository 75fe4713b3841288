package app

import (
	"context"
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
			return nil, err
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
	mu sync.Mutex
	// opened is by everything that is said of the dataset. An error is kept too: to look again for each of a thousand cells would say the
	// same, later.
	opened map[string]func() (*dataset.Set, error)
}

// open is called by cells of several experiments; two that declare the same share one set.
func (d *datasets) open(ctx context.Context, what *cell.Dataset) (*dataset.Set, error) {
	key := string(cell.Canonical(what))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened[key] == nil {
		d.opened[key] = sync.OnceValues(func() (*dataset.Set, error) { return dataset.Open(ctx, what) })
	}
	return d.opened[key]()
}

func (d *datasets) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, opened := range d.opened {
		if set, err := opened(); err == nil {
			_ = set.Close() // read-only
		}
	}
}
