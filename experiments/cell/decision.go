package cell

// Decision says how platforms are weighed.
type Decision struct {
	ID      string
	Weights map[string]float64
	Require map[string]float64
	Goals   map[string]string

	Requests          []int64  // numbers of requests that are asked about; nil = the default ones
	PricePerHour      *float64 // of the machine, in Currency; nil = not said
	ElectricityPerKWh *float64
	Currency          string
}
