package results

import (
	"context"
	"fmt"
	"strings"
)

// ErrNotFound says that nothing in the store matches.
type ErrNotFound struct{ Prefix string }

func (e *ErrNotFound) Error() string {
	return fmt.Sprintf("no cell or attempt begins with %q", e.Prefix)
}

// ErrAmbiguous says that a prefix fits more than one cell or attempt.
type ErrAmbiguous struct {
	Prefix  string
	Matches []string
}

func (e *ErrAmbiguous) Error() string {
	return fmt.Sprintf("%q is not unique: %s", e.Prefix, strings.Join(e.Matches, ", "))
}

// Find returns the attempts of the one cell whose address, slug or coordinates match, oldest first, or the one
// attempt whose ULID does. Address, slug and ULID match by prefix. *ErrNotFound or *ErrAmbiguous otherwise.
func (s *Store) Find(ctx context.Context, prefix string) ([]Past, error) {
	if prefix == "" {
		return nil, &ErrNotFound{prefix}
	}
	all, err := s.History(ctx, "")
	if err != nil {
		return nil, err
	}
	byCell, byAttempt := map[string][]Past{}, map[string][]Past{}
	for _, p := range all {
		if p.inCell(prefix) {
			key := p.Experiment + "/" + p.Slug
			byCell[key] = append(byCell[key], p)
		}
		if strings.HasPrefix(p.Attempt, strings.ToUpper(prefix)) {
			byAttempt[p.Attempt] = []Past{p}
		}
	}
	for _, found := range []map[string][]Past{byCell, byAttempt} {
		if len(found) > 1 {
			return nil, &ErrAmbiguous{prefix, sortedKeys(found)}
		}
		for _, past := range found {
			return past, nil
		}
	}
	return nil, &ErrNotFound{prefix}
}

func (p *Past) inCell(prefix string) bool {
	digits := p.Slug[strings.LastIndexByte(p.Slug, '-')+1:] // of the address: all there is without a manifest
	return strings.HasPrefix(p.Address, prefix) || strings.HasPrefix(digits, prefix) ||
		strings.HasPrefix(p.Slug, prefix) || p.Name == prefix || p.Experiment+"/"+p.Name == prefix
}
