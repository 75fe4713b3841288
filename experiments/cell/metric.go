package cell

// Metric is a name that a decision may use. What is measured is not this package's to know: the list is passed in.
type Metric struct {
	Name string
	Unit string // Ratio, or as the column has it
}

// Ratio is the unit of a share between 0 and 1.
const Ratio = "ratio"
