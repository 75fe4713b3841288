package decision

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestPrecisions(t *testing.T) {
	forms := []form{{dtype: "bfloat16", bytes: 8.6e9}, {quantization: "F16", bytes: 7.8e9}, {quantization: "Q4_K_M", bytes: 3.3e9}, {dtype: "bfloat16", quantization: "compressed-tensors", bytes: 3.9e9},
		{quantization: "w4a16"}, {quantization: "fp8"}, {quantization: "Q8_0"}, {quantization: "awq"}, {dtype: "float32"}, {}}
	want := []string{"16-bit", "16-bit", "4-bit", "4-bit", "4-bit", "8-bit", "8-bit", "4-bit", "32-bit", ""}
	if got := precisions(forms); !slices.Equal(got, want) {
		t.Errorf("precisions = %v, want %v", got, want)
	}
}

// Two precisions of a model are two groups, with a price between them; what crashed before it told its weights goes with
// its platform's other sizes.
func TestGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	engines := []engine{{name: "a", load: 60, rate: 50}, {name: "b", load: 10, rate: 20}}
	cells := append(engines[0].measured(r, []int64{1000}, 1), engines[1].measured(r, []int64{1000}, 1)...)
	cells[1].form = form{quantization: "Q4_K_M"}
	crashed := &tally{platform: "b", model: "m", size: 5000, origin: "e", place: "gpu", asked: "prompts", failed: 1, planned: 5000, reason: "out of memory",
		source: Source{Cell: "b-m-5000", Name: "b/m/5000"}}
	res, err := rulesOf(Options{Requests: []int64{1000}}).decide(append(cells, crashed), modelOf(r, engines))
	if err != nil || len(res.Groups) != 2 || res.Groups[0].Precision != "16-bit" || !slices.Equal(res.Groups[1].Sizes, []int64{1000, 5000}) || len(res.Prices) != 1 {
		t.Fatalf("%+v %v", res, err)
	}
	if p := res.Prices[0]; p.Seconds == nil || p.Quality != nil || !strings.Contains(p.Words, "quality not measured") {
		t.Errorf("%+v", p)
	}
	if q := res.Groups[1].Questions[0]; q.Verdict != Undecided || q.Platform == nil || q.Seconds == nil {
		t.Errorf("who is alone: %+v", q.Answer)
	}
}

func TestSpans(t *testing.T) {
	for got, want := range map[string]string{Span(7300): "2.0 h", Span(90): "90 s", Span(0.5): "0.5 s", Span(130): "2.2 min", Span(7000): "117 min", Span(200_000): "2.3 days",
		Range(90, 130): "1.5–2.2 min", Range(30, 40): "30–40 s"} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
