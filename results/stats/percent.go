package stats

import "matrix/results/format"

// Percent is format.Percent.
var Percent = format.Percent
