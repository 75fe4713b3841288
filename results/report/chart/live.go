package chart

import (
	"encoding/base64"
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

// packed are numbers in a quarter of the bytes that JSON takes: each a share of the way from Low to High, in 12 bits, which are two
// letters of base64. 4,094 steps are finer than any screen.
type packed struct {
	Low  float64 `json:"lo"` // the ends of the values; both 0 where there are none
	High float64 `json:"hi"`
	Data string  `json:"d"` // base64, the high bits first; 4095 = none
}

// absent is the number that no value becomes.
const absent = 1<<12 - 1

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
	raw := make([]byte, (3*len(values)+1)/2)
	for i, v := range values {
		at := absent
		if !math.IsNaN(v) {
			at = 0
			if p.High > p.Low {
				at = int(math.Round((v - p.Low) / (p.High - p.Low) * (absent - 1)))
			}
		}
		// two share the byte in the middle
		if k := 3 * i / 2; i%2 == 0 {
			raw[k], raw[k+1] = byte(at>>4), byte(at<<4)
		} else {
			raw[k], raw[k+1] = raw[k]|byte(at>>8), byte(at)
		}
	}
	p.Data = base64.StdEncoding.EncodeToString(raw)
	return p
}

// Live packs the panels.
// Gaps stay.
func (p Panels) Live() Live {
	out := Live{X: p.X.Label, Times: pack(p.Times), Bands: append([]Band{}, p.Bands...)}
	for _, row := range p.Rows {
		r := liveRow{Label: row.Label, Max: row.Max, Marks: row.Marks}
		for _, l := range row.Lines {
			r.Lines = append(r.Lines, liveLine{l.Name, l.Slot, pack(l.Values)})
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}
