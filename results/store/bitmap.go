package store

// bitmap is a growing set of small numbers, a bit each.
// Ten million requests are 1.25 MB, where a map would take some hundred. It never shrinks; negative numbers are not in
// it.
type bitmap []uint64

func (b bitmap) has(i int64) bool {
	return i >= 0 && i>>6 < int64(len(b)) && b[i>>6]&(1<<(i&63)) != 0
}

func (b *bitmap) set(i int64) {
	for int64(len(*b)) <= i>>6 {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}

func (b bitmap) empty() bool { return len(b) == 0 }
