package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"matrix/results/stats"
)

// format writes a figure in the unit that its column says.
type format func(float64) string

// three writes three significant digits, thousands parted by commas.
func three(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return commas(strconv.FormatFloat(v, 'f', min(digits, 6), 64))
}

func whole(v float64) string { return commas(strconv.FormatFloat(v, 'f', 0, 64)) }

func commas(s string) string {
	sign, rest := "", s
	if strings.HasPrefix(s, "-") {
		sign, rest = "-", s[1:]
	}
	digits, fraction, has := strings.Cut(rest, ".")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if has {
		digits += "." + fraction
	}
	return sign + digits
}

func percent(v float64) string { return stats.Percent(v) }

func gib(v float64) string { return three(v / (1 << 30)) }

// interval says how sure an estimate is: "11.2–12.9, range of 3". A pooled one rests on an assumption, and says so.
func interval(e stats.Estimate, f format) string {
	low, high := f(e.Low), f(e.High)
	switch {
	case e.N <= 1:
		return ""
	case low == high && f(e.Min) == f(e.Max):
		return fmt.Sprintf("all %d alike", e.N)
	case e.Method == stats.Pooled:
		return fmt.Sprintf("%s–%s, pooled 95%% of %d", low, high, e.N)
	case e.Sure():
		return fmt.Sprintf("%s–%s, 95%% of %d", low, high, e.N)
	}
	return fmt.Sprintf("%s–%s, range of %d", low, high, e.N)
}

// counted is "1 launch", "3 launches".
func counted(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "ch"):
		return whole(float64(n)) + " " + one + "es"
	}
	return whole(float64(n)) + " " + one + "s"
}
