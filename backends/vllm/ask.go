package vllm

import (
	"encoding/json"
	"fmt"
	"slices"

	"matrix/experiments/cell"
)

// sampled are the fields of an entry that SamplingParams takes by the same name.
var sampled = []string{"presence_penalty", "frequency_penalty", "min_p", "logit_bias", "stop_token_ids", "bad_words", "length_penalty"}

// structure is what an entry asks of its answer's form, as StructuredOutputsParams takes it; nil = nothing. The names of
// vLLM before 0.11 (guided_…) are understood: files that were made for it have them.
func structure(extra map[string]json.RawMessage) map[string]any {
	var declared map[string]any
	if json.Unmarshal(extra["structured_outputs"], &declared) == nil && len(declared) > 0 {
		return declared
	}
	for old, name := range map[string]string{"guided_json": "json", "guided_regex": "regex", "guided_choice": "choice", "guided_grammar": "grammar"} {
		if value, there := extra[old]; there {
			return map[string]any{name: value}
		}
	}
	switch f := cell.FormatOf(extra); {
	case f.JSON:
		return map[string]any{"json_object": true}
	case f.Schema != "":
		return map[string]any{"json": json.RawMessage(f.Schema)}
	}
	return nil
}

// offlineTakes are the fields that the driver hands on beside those of sampled.
var offlineTakes = []string{"tools", "chat_template_kwargs", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar"}

// refusesOffline says what an entry asks for that the LLM class has no word for.
func refusesOffline(_ *cell.Cell, field, word string) string {
	switch field {
	case "tool_choice":
		if word != "auto" {
			return fmt.Sprintf("vLLM's LLM class has no tool_choice: the model is shown its tools and decides, and the entry asks for %s", word)
		}
		return ""
	case "response_format":
		if word != "text" && word != "json_object" && word != "json_schema" {
			return fmt.Sprintf("vLLM's LLM class has no response_format of type %q", word)
		}
		return ""
	}
	if slices.Contains(offlineTakes, field) || slices.Contains(sampled, field) {
		return ""
	}
	return "vLLM's LLM class has no " + field
}

// refusesServed: the server takes every field of its API and answers 400 to some of them as it was started.
func refusesServed(c *cell.Cell, field, word string) string {
	parser, _ := c.Platform.Args["enable_auto_tool_choice"].(bool)
	if field == "tools" && word == "auto" && !parser && !c.Platform.Attach {
		return `vllm serve refuses tools of free choice unless it was started for them: set args = { enable_auto_tool_choice = true, tool_call_parser = "hermes" } (the parser is the model's), or tool_choice = "none" in the file`
	}
	return ""
}
