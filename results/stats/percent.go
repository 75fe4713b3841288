package stats

import (
	"math"
	"strconv"
	"strings"
)

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
