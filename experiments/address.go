package experiments

import (
	"crypto/sha256"
	"encoding/hex"
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

// addresser names cells. Coordinates are hashed sorted by axis name, so that a cell keeps its address when axes are
// written in another order, or when an axis of one value becomes an attribute.
type addresser struct {
	p      *program
	sorted []int
	prefix string
	buf    []byte
}

func newAddresser(p *program) *addresser {
	a := &addresser{p: p, prefix: "matrix cell 1\n" + p.name + "\n"}
	for i := range p.axes {
		a.sorted = append(a.sorted, i)
	}
	slices.SortFunc(a.sorted, func(i, j int) int { return strings.Compare(p.axes[i].name, p.axes[j].name) })
	return a
}

// of is the address and the slug of a combination.
func (a *addresser) of(idx []int32) (address, slug string) {
	a.buf = append(a.buf[:0], a.prefix...)
	for _, i := range a.sorted {
		a.buf = append(a.buf, a.p.axes[i].values[idx[i]].coord...)
	}
	sum := sha256.Sum256(a.buf)
	address = hex.EncodeToString(sum[:])
	a.buf = a.buf[:0]
	for i, n := range idx {
		part := a.p.axes[i].values[n].slug
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
	batch := strconv.Itoa(batchSize)
	c := &Cell{Experiment: experiment, Platform: platform, Model: model, BatchSize: batchSize, Launches: 1, Axes: []*Axis{
		{Name: "platform", Label: platform.ID, JSON: string(canonical(platform.ID))},
		{Name: "model", Label: model.ID, JSON: string(canonical(model.ID))},
		{Name: "batch_size", Label: batch, JSON: batch},
	}, Load: &LoadShape{}, Generate: &Generate{}, Warmup: &Warmup{}, Isolation: &Isolation{}, Limits: &Limits{}, Capture: &Capture{}, Telemetry: &Telemetry{}}
	c.Axes = append(c.Axes, more...)
	for _, name := range []string{experiment, platform.ID, model.ID} {
		if !hclsyntax.ValidIdentifier(name) {
			return nil, fmt.Errorf("%q cannot be a label: letters, digits and _ only, a letter first", name)
		}
	}
	text := "matrix cell 1\n" + experiment + "\n"
	for _, a := range slices.SortedFunc(slices.Values(c.Axes), func(a, b *Axis) int { return strings.Compare(a.Name, b.Name) }) {
		text += a.Name + "=" + a.JSON + "\n"
	}
	sum := sha256.Sum256([]byte(text))
	c.Address = hex.EncodeToString(sum[:])
	for _, a := range c.Axes {
		c.Slug += slugOf(a.Label) + "-"
	}
	c.Slug += c.Address[:slugDigits]
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
