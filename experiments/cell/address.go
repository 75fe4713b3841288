package cell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of a slug, which is a folder's name: 255 bytes is what file systems take, and results nest.
const (
	maxSlugPart = 40
	maxSlugText = 120
	slugDigits  = 16
)

// Addresser names the cells of one experiment. Coordinates are hashed sorted by axis name, so that a cell keeps its
// address when axes are written in another order, or when an axis of one value becomes an attribute. It is not safe for
// concurrent use.
type Addresser struct {
	prefix string
	sorted []int // positions of the axes, by name
	buf    []byte
}

// NewAddresser takes the names of the axes in the order in which Of gets the coordinates.
func NewAddresser(experiment string, axes []string) *Addresser {
	a := &Addresser{prefix: "matrix cell 1\n" + experiment + "\n"}
	for i := range axes {
		a.sorted = append(a.sorted, i)
	}
	slices.SortFunc(a.sorted, func(i, j int) int { return strings.Compare(axes[i], axes[j]) })
	return a
}

// Of is the address and the slug of some coordinates.
func (a *Addresser) Of(coordinates []*Axis) (address, slug string) {
	a.buf = append(a.buf[:0], a.prefix...)
	for _, i := range a.sorted {
		c := coordinates[i]
		a.buf = append(append(append(append(a.buf, c.Name...), '='), c.JSON...), '\n')
	}
	address = sumOf(a.buf)
	a.buf = a.buf[:0]
	for _, c := range coordinates {
		part := slugOf(c.Label)
		if len(a.buf)+len(part) > maxSlugText {
			break
		}
		a.buf = append(append(a.buf, part...), '-')
	}
	a.buf = append(a.buf, address[:slugDigits]...)
	return address, string(a.buf)
}

// NewCell is the bare cell at some coordinates, for a result that was not measured by an experiment of ours. It has the
// address and the slug that an expanded cell of the same experiment and coordinates has, and nothing to run. more are
// coordinates beside platform, model and batch size.
func NewCell(experiment string, platform *Platform, model *Model, batchSize int, more ...*Axis) (*Cell, error) {
	for _, name := range []string{experiment, platform.ID, model.ID} {
		if !hclsyntax.ValidIdentifier(name) {
			return nil, fmt.Errorf("%q cannot be a label: letters, digits and _ only, a letter first", name)
		}
	}
	batch := strconv.Itoa(batchSize)
	c := &Cell{Experiment: experiment, Platform: platform, Model: model, BatchSize: batchSize, Launches: 1, Axes: append([]*Axis{
		{Name: "platform", Label: platform.ID, JSON: string(Canonical(platform.ID))},
		{Name: "model", Label: model.ID, JSON: string(Canonical(model.ID))},
		{Name: "batch_size", Label: batch, JSON: batch},
	}, more...), Load: &Load{}, Generate: &Generate{}, Warmup: &Warmup{}, Isolation: &Isolation{}, Limits: &Limits{}, Capture: &Capture{}, Telemetry: &Telemetry{}}
	names := make([]string, len(c.Axes))
	for i, a := range c.Axes {
		names[i] = a.Name
	}
	c.Address, c.Slug = NewAddresser(experiment, names).Of(c.Axes)
	return c, nil
}

// slugOf keeps of a label what is safe in any file system and shell.
func slugOf(label string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, label)
	s = strings.Trim(s[:min(len(s), maxSlugPart)], ".") // a leading dot would hide the folder
	if s == "" {
		return "_"
	}
	return s
}
