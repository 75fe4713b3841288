// Package summary reads a results tree into what a comparison needs: cells, the launches that count for each, and
// every column of run.parquet by name. Nothing is averaged here but by package stats.
package summary

import (
	"fmt"
	"strings"
	"time"

	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
)

// Set is what a results tree holds for some experiments.
type Set struct {
	Root     string       // folder of the tree
	Cells    []*Cell      // by experiment, platform, model, batch size, then name
	Problems []store.Past // attempts whose files are damaged; they count for nothing
}

// Cell is one cell with the attempts that tell of it.
type Cell struct {
	Experiment, Address, Slug, Name, Platform, Model string // as the newest attempt has them
	BatchSize                                        int64
	Axes                                             map[string]string // axis → label
	Simulated, Imported                              bool              // of any of its attempts

	// Identity is the hash of what was asked for in the newest attempt, or of what results were accepted for since.
	// Attempts of another identity are not among those below unless a person accepted them.
	Identity string
	Attempts []*Attempt // of this identity or accepted for it, oldest first, however they ended; tainted ones are not among them
	Launches []*Attempt // the complete attempt of each launch, by launch; several of one launch: the last
	Older    int        // attempts of earlier identities
	Tainted  int        // attempts that a person declared void

	void  []Standing // tainted and older ones
	past  []*Attempt // while loading: all that are not tainted, newest first
	ended time.Time  // while loading: the newest attempt's end
}

// Attempt is one try at one launch: its manifest and its row of run.parquet.
type Attempt struct {
	store.Past
	row     *record.RunRow       // nil: not read
	counted *record.FinishCounts // once asked

	Damaged bool // its requests are not what was written, as was seen where they were read for the time to finish
}

// Values are a metric's values over the launches that count, in launch order; launches without one are left out.
// The result is the caller's own. A row that was not read (Survey) has what the manifest tells.
func (c *Cell) Values(metric string) []float64 {
	var out []float64
	for _, a := range c.Launches {
		if v := a.Number(metric); v != nil {
			out = append(out, *v)
		}
	}
	return out
}

// InSegments says of a cell's launches what a reader should know beside their rates: "launch 2 in 3 segments"; "" where
// each was measured in one stretch. One that was interrupted and gone on counts like the others: its rate is over the sum
// of its segments.
func (c *Cell) InSegments() string {
	var parts []string
	for _, a := range c.Launches {
		if a.Segments > 1 {
			parts = append(parts, fmt.Sprintf("launch %d in %d segments", a.Launch, a.Segments))
		}
	}
	return strings.Join(parts, ", ")
}

// foreignMost is the share of a host's processors above which others disturb what is measured.
const foreignMost = 0.1

// others is the share of the host's processors that other processes used while a launch was measured, and whether that
// disturbs it; 0 where nobody looked.
func others(a *Attempt) (share float64, much bool) {
	if x := a.Number(record.MetricForeignCPU); x != nil {
		share = *x
	}
	return share, share > foreignMost
}

// Disturbed says that other processes used the machine while launches were measured, "" where none did or nobody looked: a
// ratio of two such cells may be the machine's, not the engines'.
func (c *Cell) Disturbed() string {
	var launches []string
	most := 0.0
	for _, a := range c.Launches {
		if x, much := others(a); much {
			launches, most = append(launches, fmt.Sprint(a.Launch)), max(most, x)
		}
	}
	if len(launches) == 0 {
		return ""
	}
	return fmt.Sprintf("other processes used up to %s of the machine's processors in launch %s", stats.Percent(most), strings.Join(launches, ", "))
}

// First is the newest attempt that says how the cell was run: a complete one if there is any; nil without attempts.
func (c *Cell) First() *Attempt {
	if n := len(c.Launches); n > 0 {
		return c.Launches[n-1]
	}
	if n := len(c.Attempts); n > 0 {
		return c.Attempts[n-1]
	}
	return nil
}
