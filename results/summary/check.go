package summary

// Levels of a check.
const (
	Red   = "red"   // between contenders that lead: they cannot be compared
	Amber = "amber" // to know before acting on the answer
	Green = "green"
)

// Check is one thing that was looked at before cells are compared: prompt tokens, the machine, the client. One that
// names cells of two contenders stands between these two; one of a single contender is its own matter.
type Check struct {
	Name       string   // "prompt tokens", "ends", "machine" …
	Level      string   // Red, Amber, Green
	Contenders []string // platforms
	Cells      []string // "experiment/folder" of those concerned
	Text       string   // who, what, and what to do
}

// checks are asked in the order in which they are shown.
var checks []func(cells []*Cell) []Check

// Checks holds the cells of a group, which may be ranked against each other, against every validity check, over all of
// their launches.
func Checks(cells []*Cell) []Check {
	var out []Check
	for _, check := range checks {
		out = append(out, check(cells)...)
	}
	return out
}
