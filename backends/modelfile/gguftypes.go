package modelfile

import "math"

// fileTypes are llama.cpp's names for general.file_type (llama_ftype).
var fileTypes = map[int]string{
	0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
	13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
	21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
	29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}

// ggmlBlocks are elements and bytes of one block of each tensor type (ggml_type).
var ggmlBlocks = map[uint32][2]int64{
	0: {1, 4}, 1: {1, 2}, 2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34}, 9: {32, 36},
	10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210}, 15: {256, 292},
	16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, 21: {256, 110}, 22: {256, 82},
	23: {256, 136}, 24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, 29: {256, 56}, 30: {1, 2},
	34: {256, 54}, 35: {256, 66}, 39: {32, 17},
}

// tensorBytes is what a tensor takes; a type newer than the table counts as 16-bit, the largest that is likely.
func tensorBytes(kind uint32, elements int64) int64 {
	block, ok := ggmlBlocks[kind]
	if !ok {
		block = [2]int64{1, 2}
	}
	return (elements + block[0] - 1) / block[0] * block[1]
}

// whole is a whole number that may be 0, -1 when it is not there.
func (f fields) whole(key string) int {
	v, ok := f[key].(float64)
	if !ok || v != math.Trunc(v) || v < 0 || v > 1e6 {
		return -1
	}
	return int(v)
}

// maybe is a flag, nil when it is not there.
func (f fields) maybe(key string) *bool {
	b, ok := f[key].(bool)
	if !ok {
		return nil
	}
	return &b
}

// arrayLength is 0 for what is no list, and for a length beyond all reason.
func arrayLength(v any) int {
	a, ok := v.(ggufArray)
	if !ok || a.length > 1e9 {
		return 0
	}
	return int(a.length)
}

// integers are nil where the measure is one number for all layers.
func integers(v any) []int {
	a, _ := v.(ggufArray)
	return a.numbers
}
