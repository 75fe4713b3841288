package decision

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"matrix/results/summary"
)

// form is what is known of the weights that a cell ran.
type form struct {
	dtype, quantization string
	bytes               float64 // of the weights; 0 = not told
}

func formOf(a *summary.Attempt) form {
	f := form{dtype: a.Run().Engine.DType, quantization: a.Run().Engine.Quantization}
	if n := a.Number("weight_bytes"); n != nil {
		f.bytes = *n
	}
	return f
}

// told reports that the engine said anything of its weights.
func (f form) told() bool { return f.dtype != "" || f.quantization != "" }

// Names of number formats with their bits: Q4_K_M, w4a16, int8, fp8, nf4, bf16, float32 …
var bitNames = regexp.MustCompile(`(?:^|[^a-z0-9])(?:i?q|w|int|uint|fp|nf|mxfp|nvfp|bf|f|float|bfloat)(\d{1,2})(?:[^0-9]|$)`)

// bits per weight by the name of the format, 0 = the name does not say ("compressed-tensors"). AWQ and GPTQ are four in
// all but rare cases.
func (f form) bits() int {
	name := strings.ToLower(f.quantization)
	if name == "" || name == "none" {
		name = strings.ToLower(f.dtype)
	}
	if m := bitNames.FindStringSubmatch(name); m != nil {
		n, _ := strconv.Atoi(m[1]) // one or two digits
		return n
	}
	switch {
	case strings.Contains(name, "awq"), strings.Contains(name, "gptq"), strings.Contains(name, "4bit"), strings.Contains(name, "4-bit"):
		return 4
	case name == "half":
		return 16
	}
	return 0
}

// alike is how far apart two sizes of the weights of one model may be at the same precision: 4 bits differ from 8, and
// 8 from 16, by more, embeddings kept wide included.
const alike = 1.5

// precisions gives each form its class: by its name, else that of the known form nearest in size, else its own name.
func precisions(forms []form) []string {
	out := make([]string, len(forms))
	for i, f := range forms {
		bits := f.bits()
		if bits == 0 && f.told() {
			bits = nearest(f, forms)
		}
		switch {
		case bits > 0:
			out[i] = fmt.Sprintf("%d-bit", bits)
		case f.told():
			out[i] = strings.TrimSpace(f.quantization + " " + f.dtype)
		}
	}
	return out
}

// nearest is the bits of the known form whose weights are most alike in size; 0 where none is alike.
func nearest(f form, forms []form) int {
	bits, closest := 0, math.Log(alike)
	for _, other := range forms {
		if other.bits() == 0 || other.bytes == 0 || f.bytes == 0 {
			continue
		}
		if d := math.Abs(math.Log(f.bytes / other.bytes)); d < closest {
			bits, closest = other.bits(), d
		}
	}
	return bits
}
