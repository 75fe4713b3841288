package slurm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"matrix/results/claim"
	"matrix/results/store"
)

// LeaseDir is the folder of the claim on submitting and watching.
func LeaseDir(store *store.Store) string { return filepath.Join(store.Inner(), clusterDir, "lease") }

// Status is where a run stands, from its files alone.
type Status struct {
	Run      *Run
	Launches int            // of all groups
	Status   map[string]int // committed launches, by status
	Claims   []Claimed      // launches that a task has and that are not committed
	Watcher  *claim.ErrHeld // nil = nobody watches
}

// Claimed is one launch under way, or left by a task that is gone.
type Claimed struct {
	Launch  *Launch
	Holder  *claim.ErrHeld // nil = given back
	Done    int64          // measured requests that are on disk
	Planned int64
}

// Look reads a run's status; it changes nothing and needs no lock.
func (r *Run) Look(ctx context.Context) (Status, error) {
	s := Status{Run: r, Status: map[string]int{}}
	launches := map[string]*Launch{}
	for i := range r.Groups {
		for k := range r.Groups[i].Launches {
			l := &r.Groups[i].Launches[k]
			launches[l.Key()] = l
		}
	}
	s.Launches = len(launches)
	marked, err := os.ReadDir(filepath.Join(r.Dir, doneDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // closed meanwhile
		return s, fmt.Errorf("look at what is done: %w", err)
	}
	for _, e := range marked {
		if d, err := r.readMark(e.Name()); err == nil && launches[e.Name()] != nil {
			s.Status[d.Status]++
			delete(launches, e.Name())
		}
	}
	claims, err := os.ReadDir(filepath.Join(r.Dir, claimsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("look at the claims: %w", err)
	}
	for _, e := range claims {
		if l := launches[e.Name()]; l != nil {
			one, err := r.claimed(ctx, l)
			if err != nil {
				return s, err
			}
			s.Claims = append(s.Claims, one)
		}
	}
	slices.SortFunc(s.Claims, func(a, b Claimed) int { return slices.Compare([]string{a.Launch.Name}, []string{b.Launch.Name}) })
	s.Watcher, err = claim.Holder(LeaseDir(r.Store))
	return s, err
}

// Marked is how many launches are committed, by their markers alone: for who looks often.
func (r *Run) Marked() int {
	marked, _ := filepath.Glob(filepath.Join(r.Dir, doneDir, "*-*")) // the pattern is well-formed
	return len(marked)
}

// claimed is a launch that a task works on, with how far it is.
func (r *Run) claimed(ctx context.Context, l *Launch) (Claimed, error) {
	holder, err := claim.Holder(r.claim(l))
	if err != nil {
		return Claimed{}, err
	}
	one := Claimed{Launch: l, Holder: holder}
	attempts, err := r.apart(l, nil).Peek(ctx)
	for _, a := range attempts {
		one.Done, one.Planned = a.Done(), a.Manifest().Planned
	}
	return one, err
}
