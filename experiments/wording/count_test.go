package wording

import "testing"

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n            int
		plural, want string
	}{
		{0, "answers", "0 answers"}, {1, "answers", "1 answer"}, {2, "answers", "2 answers"}, {1, "entries", "1 entry"}, {3, "more cells", "3 more cells"}, {1, "more cells", "1 more cell"},
	} {
		if got := Count(c.n, c.plural); got != c.want {
			t.Errorf("%d %s: %q", c.n, c.plural, got)
		}
	}
}
