package modelfile

import (
	"maps"
	"strings"
)

// fields is a JSON object of which nothing is trusted: what has another type than expected is not there.
type fields map[string]any

// number returns the first of the keys that is a whole number from 0 to a thousand million.
func (f fields) number(keys ...string) int {
	for _, k := range keys {
		if v, ok := f[k].(float64); ok && v > 0 && v <= 1e9 && v == float64(int(v)) {
			return int(v)
		}
	}
	return 0
}

// text is "" also for what is no string.
func (f fields) text(key string) string {
	s, _ := f[key].(string)
	return s
}

// texts is a list of strings; what is none of them stays in its place as "", since lists are read beside others by index.
func (f fields) texts(key string) []string {
	list, _ := f[key].([]any)
	var out []string
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

// flag is otherwise also for what is no boolean, a 0 or a "false".
func (f fields) flag(key string, otherwise bool) bool {
	if b, ok := f[key].(bool); ok {
		return b
	}
	return otherwise
}

// object is nil for what is none, and nil can be asked like any other.
func (f fields) object(key string) fields {
	o, _ := f[key].(map[string]any)
	return o
}

// layers are the numbers of a list; listed is false where there is none, or an empty one.
func (f fields) layers(key string) (set map[int]bool, listed bool) {
	list, _ := f[key].([]any)
	set = make(map[int]bool, len(list))
	for _, v := range list {
		if n, ok := v.(float64); ok {
			set[int(n)] = true
		}
	}
	return set, len(list) > 0
}

// mentions says whether some key has one of the parts in it.
func (f fields) mentions(parts ...string) bool {
	for key := range f {
		for _, part := range parts {
			if strings.Contains(key, part) {
				return true
			}
		}
	}
	return false
}

// withDefaults adds what a config.json of this model type may leave out because transformers fills it in:
// google/gemma-3-4b-it says neither heads nor vocabulary.
func (f fields) withDefaults(modelType string) fields {
	if modelType != "gemma3_text" {
		return f
	}
	out := fields{
		"vocab_size": 262208.0, "hidden_size": 2304.0, "intermediate_size": 9216.0, "num_hidden_layers": 26.0,
		"num_attention_heads": 8.0, "num_key_value_heads": 4.0, "head_dim": 256.0, "sliding_window": 4096.0,
		"max_position_embeddings": 131072.0,
	}
	maps.Copy(out, f)
	return out
}
