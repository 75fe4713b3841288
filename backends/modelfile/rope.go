package modelfile

import "strings"

// positionElements counts the numbers in the tables of cosines and sines that an engine keeps beside the weights, one
// table for each kind of rotary embedding: as many rows as positions, as wide as the rotated part of a head. By vLLM's
// rotary_embedding package: linear scaling keeps max_position_embeddings × factor rows, which for Gemma 3 (131,072 × 8) is
// half a GiB; a dynamic or YaRN one as many as it was stretched to; the others one for each position.
func (c *Config) positionElements(f fields) float64 {
	width := float64(c.KeyDim)
	if c.RopeDim > 0 {
		width = float64(c.RopeDim)
	}
	if part, ok := f["partial_rotary_factor"].(float64); ok && part > 0 && part < 1 {
		width *= part
	}
	rows := 0.0
	for _, scaling := range c.ropeKinds(f) {
		rows += scaling.rows(float64(c.ContextLength))
	}
	return rows * width
}

// ropeKinds are the scalings of the model's rotary embeddings; an empty one is none.
func (c *Config) ropeKinds(f fields) []ropeScaling {
	parameters := f.object("rope_parameters")
	var kinds []ropeScaling
	for _, layers := range []string{"full_attention", "sliding_attention"} {
		if one := parameters.object(layers); one != nil {
			kinds = append(kinds, ropeScaling(one))
		}
	}
	if kinds != nil {
		return kinds
	}
	if parameters == nil {
		parameters = f.object("rope_scaling")
	}
	kinds = []ropeScaling{ropeScaling(parameters)}
	// Before transformers 5 only the full layers' scaling was written down; the sliding ones have a table of their own.
	if strings.HasPrefix(c.ModelType, "gemma3") && c.SlidingLayers > 0 {
		kinds = append(kinds, nil)
	}
	return kinds
}

// ropeScaling is rope_scaling, or one of rope_parameters.
type ropeScaling fields

// rows is how many positions the table of cosines has, which vLLM keeps on each GPU, for a context of so many positions.
func (r ropeScaling) rows(positions float64) float64 {
	f := fields(r)
	factor, _ := f["factor"].(float64)
	original, _ := f["original_max_position_embeddings"].(float64)
	switch firstText(f.text("rope_type"), f.text("type")) {
	case "linear", "dynamic":
		return positions * max(1, factor)
	case "yarn", "deepseek_yarn":
		if original > 0 && factor > 0 {
			return original * factor
		}
	case "longrope":
		return positions + original // a short and a long one
	}
	return positions
}
