package wire

import (
	"encoding/json"
	"math"
	"strconv"

	"matrix/backends"
)

// count is a number of a server's, which may be no number of the kind that it should be: one odd count must not cost the
// answer around it.
type count struct {
	n   *int64
	bad bool
}

// UnmarshalJSON never fails: 8, 8.0 and null are counts, -1 is one that is refused later, 1e300 and "8" are bad.
func (c *count) UnmarshalJSON(b []byte) error {
	*c = count{}
	if string(b) == "null" {
		return nil
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		c.n = &n
		return nil
	}
	if f, err := strconv.ParseFloat(string(b), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		n := int64(f)
		c.n = &n
		return nil
	}
	c.bad = true
	return nil
}

// beside is an object of counts or times beside an answer, nil where it is not there. One of another form must not cost the
// answer: what of it can be read is.
type beside[T any] struct {
	v   *T
	bad bool
}

// UnmarshalJSON never fails.
func (b *beside[T]) UnmarshalJSON(text []byte) error {
	if *b = (beside[T]{}); string(text) != "null" {
		b.v = new(T)
		b.bad = json.Unmarshal(text, b.v) != nil
	}
	return nil
}

// told is what an object says, nil where there is none.
func told[T any](s *stream, b beside[T]) *T {
	if b.bad {
		s.reply.Flag(backends.FlagBadCount)
	}
	return b.v
}

// nano and milli are times in their unit, as servers tell them.
type (
	nano  span
	milli span
)

// span is a time in a server's answer; bad: there is something, and it is no number.
type span struct {
	v   *float64
	bad bool
}

// read never fails: a broken figure must not lose the answer that it came with.
func (s *span) read(b []byte) {
	*s = span{}
	if string(b) == "null" {
		return
	}
	var v float64
	if json.Unmarshal(b, &v) == nil {
		s.v = &v
	} else {
		s.bad = true
	}
}

// UnmarshalJSON never fails.
func (n *nano) UnmarshalJSON(b []byte) error { (*span)(n).read(b); return nil }

// UnmarshalJSON never fails.
func (m *milli) UnmarshalJSON(b []byte) error { (*span)(m).read(b); return nil }

func (s *stream) count(c count) *int64 {
	if c.bad {
		s.reply.Flag(backends.FlagBadCount)
	}
	return c.n
}

func (s *stream) ns(n nano) *float64  { return s.seconds(span(n), 1e9) }
func (s *stream) ms(m milli) *float64 { return s.seconds(span(m), 1e3) }

// longestSpan is more than any request takes.
const longestSpan = 30 * 24 * 3600.0

// seconds is a time in s; nil and a flag where it cannot be.
func (s *stream) seconds(x span, unit float64) *float64 {
	if x.v == nil && !x.bad {
		return nil
	}
	if x.bad || *x.v < 0 || *x.v/unit > longestSpan {
		s.reply.Flag(backends.FlagBadCount)
		return nil
	}
	v := *x.v / unit
	return &v
}
