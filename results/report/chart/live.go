package chart

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// Live is what a page's script draws the panels from.
// Its JSON is the page script's only source: names are short, for it stands in every report.
type Live struct {
	X     string    `json:"x"` // label of the axis
	Times packed    `json:"t"` // s, for all lines
	Bands []Band    `json:"bands"`
	Rows  []liveRow `json:"rows"`
}

type liveRow struct {
	Label string      `json:"label"`
	Max   *float64    `json:"max,omitempty"`
	Lines []liveLine  `json:"lines"`
	Marks []Stretches `json:"marks,omitempty"`
}

type liveLine struct {
	Name string `json:"name"`
	Slot int    `json:"slot"`
	packed
}

// packed are numbers in a third of the bytes that JSON takes: each a 16-bit share of the way from Low to High.
// 65,535 steps are finer than any screen.
type packed struct {
	Low  float64 `json:"lo"` // the ends of the values; both 0 where there are none
	High float64 `json:"hi"`
	Data string  `json:"d"` // base64, little-endian; 65535 = none
}

// pack puts a line with one value throughout on its low end.
func pack(values []float64) packed {
	p := packed{Low: math.Inf(1), High: math.Inf(-1)}
	for _, v := range values {
		if !math.IsNaN(v) {
			p.Low, p.High = min(p.Low, v), max(p.High, v)
		}
	}
	if p.Low > p.High {
		p.Low, p.High = 0, 0
	}
	raw := make([]byte, 0, 2*len(values))
	for _, v := range values {
		at := uint16(math.MaxUint16)
		if !math.IsNaN(v) {
			at = 0
			if p.High > p.Low {
				at = uint16(math.Round((v - p.Low) / (p.High - p.Low) * (math.MaxUint16 - 1)))
			}
		}
		raw = binary.LittleEndian.AppendUint16(raw, at)
	}
	p.Data = base64.StdEncoding.EncodeToString(raw)
	return p
}

// Live packs the panels.
// Gaps stay: NaN is 65535, which no value becomes.
func (p Panels) Live() Live {
	out := Live{X: p.X.Label, Times: pack(p.Times), Bands: p.Bands}
	for _, row := range p.Rows {
		r := liveRow{Label: row.Label, Max: row.Max, Marks: row.Marks}
		for _, l := range row.Lines {
			r.Lines = append(r.Lines, liveLine{l.Name, l.Slot, pack(l.Values)})
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}
