// Package format writes numbers, counts and times as people read them: one function a form, so that a share or a count reads the
// same in the terminal, in a report and in a sentence. It knows no domain; what is stored or read by programs is not formatted.
package format

import (
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// english parts thousands by commas, whatever the user's locale: a figure that is copied out of a report must not depend on
// where the report was made.
var english = message.NewPrinter(language.English)

// Whole writes 50000 as 50,000.
func Whole[T ~int | ~int64](n T) string { return english.Sprintf("%d", n) }

// Fixed writes a value with so many decimals, thousands parted.
func Fixed(v float64, decimals int) string {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return english.Sprintf("%.*f", decimals, v)
}

// Three writes three significant digits, zeros at the end included, so that the figures of a column align.
func Three(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return Fixed(v, min(decimals, 6))
}

// Figure writes a value alone in a line: four digits that count, no zeros behind them.
func Figure(v float64) string {
	if v >= 1000 || v <= -1000 {
		return Fixed(v, 0)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Percent writes a share with one decimal; with more where rounding would hide a failure or the only one that came
// through: 49,999 of 50,000 is no 100%, and 1 of 50,000 no 0%.
func Percent(share float64) string {
	text := strconv.FormatFloat(100*share, 'f', 1, 64)
	switch {
	case share < 1 && text == "100.0":
		text = strconv.FormatFloat(math.Floor(1e6*share)/1e4, 'f', -1, 64)
	case share > 0 && text == "0.0":
		text = strconv.FormatFloat(100*share, 'g', 1, 64)
	}
	return strings.TrimSuffix(text, ".0") + "%"
}

// GiB is a size in units of 2^30 bytes, as memory and disks are told.
func GiB(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// Bytes writes the size of a download, in the decimal units that registries use.
func Bytes(n int64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}} {
		if float64(n) >= unit.size {
			return strconv.FormatFloat(float64(n)/unit.size, 'f', 1, 64) + " " + unit.name
		}
	}
	return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
}

// Batch writes a batch size as people say it: 10, 100, 1K, 1.5K, 50K, 1M; exactly, or as the number that it is.
func Batch(n int) string {
	switch {
	case n >= 1_000_000 && n%100_000 == 0:
		return strconv.FormatFloat(float64(n)/1e6, 'f', -1, 64) + "M"
	case n >= 1000 && n%100 == 0:
		return strconv.FormatFloat(float64(n)/1e3, 'f', -1, 64) + "K"
	}
	return strconv.Itoa(n)
}
