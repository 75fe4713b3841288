package validity

import (
	"os"
	"testing"

	"matrix/experiments/cell"
)

// BenchmarkInvalid is one answer of the shipped job held against its schema: it fits, misses in one field, is prose, is cut.
func BenchmarkInvalid(b *testing.B) {
	schema, err := os.ReadFile("../../experiments/schemas/evaluation.json")
	if err != nil {
		b.Fatal(err)
	}
	var checks Checks
	check := checks.Of(cell.ResponseFormat{Schema: string(schema)})
	fits := seeds[0][0]
	for name, text := range map[string]string{"fits": fits, "misses": fits[:9] + "77" + fits[10:], "prose": "Sure! " + fits, "cut": fits[:60]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				check.Invalid(Answer{Status: "ok", Finish: "stop", Text: text})
			}
		})
	}
}
