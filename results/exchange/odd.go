package exchange

import (
	"fmt"
	"strconv"
)

// odd counts the records of a file that cannot be read. Each is left out and said: none loses its neighbours.
// Real files have a broken last line, or a header in the middle.
type odd struct {
	what         string // line, row
	total, count int
	first        error
}

// see books one record; err is why it cannot be read, nil where it can.
func (o *odd) see(number int, err error) {
	o.total++
	if err == nil {
		return
	}
	if o.count++; o.first == nil {
		o.first = fmt.Errorf("%s %d: %w", o.what, number, err)
	}
}

// refused is the error of a file of which most cannot be read: it is of another form.
// More than half: below that it is a file with faults, above it is another kind of file.
func (o *odd) refused() error {
	if o.count*2 <= o.total {
		return nil
	}
	if o.count == 1 {
		return o.first
	}
	return fmt.Errorf("%w (and %d of %d %ss more like it)", o.first, o.count-1, o.total, o.what)
}

// note says what was left out, "" = nothing.
func (o *odd) note() string {
	if o.count == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d %ss left out: %v", o.count, o.total, o.what, o.first)
}

// figure writes a number to be read: 1234.5, not 1.2345e+03.
func figure(x float64) string {
	if x == float64(int64(x)) {
		return strconv.FormatInt(int64(x), 10)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}
