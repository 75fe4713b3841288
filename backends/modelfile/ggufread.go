package modelfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Bounds of what is kept of a header, whatever it claims.
const (
	ggufKeyLimit    = 1 << 10  // bytes of a key or tensor name
	ggufStringLimit = 4 << 20  // bytes of a string value that is kept
	ggufKeptLimit   = 32 << 20 // bytes of all that is kept
	ggufArrayLimit  = 1 << 14  // elements of a numeric array that is kept
)

// ggufReader reads a header; left is what the file still holds.
type ggufReader struct {
	r    *bufio.Reader
	left int64 // bytes
	kept int64 // bytes of text, of ggufKeptLimit
}

// ggufArray is an array of which short lists of numbers and flags are kept, and the length always.
type ggufArray struct {
	length  uint64 // as it stands in the file
	numbers []int  // what is no count is left out, so it may be shorter than length
	flags   []bool // of a list of booleans
}

// ggufTensor is one tensor of the table: bytes as they lie in the file, quantised.
type ggufTensor struct {
	name            string // "blk.0.attn_q.weight"
	elements, bytes int64
}

// prefix reads what a file begins with: magic, version, and how many tensors and keys follow.
func (d *ggufReader) prefix() (tensors, keys uint64, err error) {
	var magic [4]byte
	if err := d.read(magic[:]); err != nil {
		return 0, 0, err
	}
	if string(magic[:]) != "GGUF" {
		return 0, 0, fmt.Errorf("not a GGUF file: it begins with %q", magic[:])
	}
	version, err := d.u32()
	if err != nil {
		return 0, 0, err
	}
	if version != 2 && version != 3 {
		return 0, 0, fmt.Errorf("GGUF version %d is not known (2 and 3 are; a big-endian file reads as a huge one)", version)
	}
	if tensors, err = d.u64(); err != nil {
		return 0, 0, err
	}
	if keys, err = d.u64(); err != nil {
		return 0, 0, err
	}
	// A pair has 13 bytes at least and a tensor 24: more than fit is a lie.
	if keys > uint64(d.left)/13 || tensors > uint64(d.left)/24 {
		return 0, 0, fmt.Errorf("GGUF header claims %d keys and %d tensors in %d bytes", keys, tensors, d.left)
	}
	return tensors, keys, nil
}

// pair reads a key and its value into kv, numbers as float64 like JSON's.
func (d *ggufReader) pair(kv fields) error {
	key, err := d.str(ggufKeyLimit)
	if err != nil {
		return fmt.Errorf("GGUF key: %w", err)
	}
	kind, err := d.u32()
	if err != nil {
		return err
	}
	v, err := d.value(kind, 0)
	if err != nil {
		return fmt.Errorf("GGUF key %.80q: %w", key, err)
	}
	if v != nil {
		kv[key] = v
	}
	return nil
}

// GGUF value types.
const (
	ggufBool   = 7
	ggufString = 8
	ggufList   = 9
)

// scalarSize is the number of bytes of a value type, 0 for strings, arrays and unknown ones.
func scalarSize(kind uint32) int64 {
	sizes := [...]int64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}
	if int64(kind) < int64(len(sizes)) {
		return sizes[kind]
	}
	return 0
}

// value is a key's value as string, bool, float64 or ggufArray. Numbers are one type, whichever was written: a reader of
// keys need not know which one a converter chose.
func (d *ggufReader) value(kind uint32, depth int) (any, error) {
	switch {
	case kind == ggufString:
		return d.text()
	case kind == ggufList:
		return d.list(depth)
	case scalarSize(kind) == 0:
		return nil, fmt.Errorf("unknown value type %d", kind)
	}
	var b [8]byte
	if err := d.read(b[:scalarSize(kind)]); err != nil {
		return nil, err
	}
	if kind == ggufBool {
		return b[0] != 0, nil
	}
	return number(kind, b), nil
}

// number is a scalar of a GGUF type, little-endian. Kinds that are not listed are unsigned.
func number(kind uint32, b [8]byte) float64 {
	u := binary.LittleEndian.Uint64(b[:])
	switch kind {
	case 1:
		return float64(int8(u))
	case 3:
		return float64(int16(u))
	case 5:
		return float64(int32(u))
	case 6:
		return float64(math.Float32frombits(uint32(u)))
	case 11:
		return float64(int64(u))
	case 12:
		return math.Float64frombits(u)
	}
	return float64(u)
}

// text keeps a string value unless it is longer than anything that is asked for; then it is passed over.
func (d *ggufReader) text() (any, error) {
	n, err := d.length()
	if err != nil {
		return nil, err
	}
	if n > ggufStringLimit {
		return nil, d.skip(n)
	}
	return d.bytes(n)
}

// list keeps short numeric arrays and passes over the rest (a tokenizer's 262,144 words).
func (d *ggufReader) list(depth int) (any, error) {
	if depth > 3 {
		return nil, errors.New("arrays nested too deeply")
	}
	kind, err := d.u32()
	if err != nil {
		return nil, err
	}
	n, err := d.u64()
	if err != nil {
		return nil, err
	}
	size := max(1, scalarSize(kind))
	if n > uint64(d.left)/uint64(size) {
		return nil, fmt.Errorf("array claims %d elements in %d bytes", n, d.left)
	}
	a := ggufArray{length: n}
	if scalarSize(kind) > 0 && n > ggufArrayLimit {
		return a, d.skip(int64(n) * size)
	}
	for range n {
		if kind == ggufString {
			err = d.skipString()
		} else {
			err = d.element(kind, depth, &a)
		}
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// element keeps an element of a list where it is a count or a flag; texts are read and dropped.
func (d *ggufReader) element(kind uint32, depth int, a *ggufArray) error {
	v, err := d.value(kind, depth+1)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case float64:
		if v >= 0 && v <= 1e9 {
			a.numbers = append(a.numbers, int(v))
		}
	case bool:
		a.flags = append(a.flags, v)
	}
	return nil
}

// tensor reads one tensor's description; the data itself is never read.
func (d *ggufReader) tensor() (ggufTensor, error) {
	name, err := d.str(ggufKeyLimit)
	if err != nil {
		return ggufTensor{}, fmt.Errorf("GGUF tensor name: %w", err)
	}
	dims, err := d.u32()
	if err != nil {
		return ggufTensor{}, err
	}
	if dims > 8 {
		return ggufTensor{}, fmt.Errorf("tensor %.80q has %d dimensions", name, dims)
	}
	count := int64(1)
	for range dims {
		n, err := d.u64()
		if err != nil {
			return ggufTensor{}, err
		}
		if n > 1<<40 || n > 0 && count > (1<<50)/int64(n) {
			return ggufTensor{}, fmt.Errorf("tensor %.80q has an impossible shape", name)
		}
		count *= int64(n)
	}
	kind, err := d.u32()
	if err != nil {
		return ggufTensor{}, err
	}
	if _, err := d.u64(); err != nil { // offset of the data
		return ggufTensor{}, err
	}
	d.kept = max(0, d.kept-int64(len(name))) // names are not kept
	return ggufTensor{name: name, elements: count, bytes: tensorBytes(kind, count)}, nil
}
