package vllm

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"matrix/backends"
	"matrix/backends/modelfile"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// reSwitch finds a template's variables for thinking.
var reSwitch = regexp.MustCompile(`\b(?:enable_thinking|thinking|reasoning_effort)\b`)

// mostTemplate bounds the files that hold a template, bytes: tokenizer_config.json may list a whole vocabulary.
const mostTemplate = 64 << 20

// lookAtTemplate reads whether a model's files hold a chat template, and whether it can be told to think. Without one
// vLLM answers 400 to each chat, after minutes of loading.
func lookAtTemplate(c *cell.Cell, dir string, id *backends.Identity) {
	if named, _ := c.Platform.Args["chat_template"].(string); named != "" {
		text, _ := modelfile.ReadSmall(named, mostTemplate)
		id.Thinks = reSwitch.Match(text)
		id.NeverThinks = len(text) > 0 && !id.Thinks
		return
	}
	dirs := []string{dir}
	if t := modelOf(c.Model).Tokenizer; t != "" {
		own, _, err := modelfile.ResolveHFIn(modelfile.HubDir(process.Getenv(c.Platform.Env)), t, "")
		if err != nil {
			return // not here to be read
		}
		dirs = []string{own, dir}
	}
	config := false
	for _, dir := range dirs {
		text, known := chatTemplate(dir)
		if text != "" {
			id.Thinks = reSwitch.MatchString(text)
			id.NeverThinks = text != " " && !id.Thinks
			return
		}
		config = config || known
	}
	if config && !bringsTemplate(c, dir) {
		id.NoTemplate = cmp.Or(modelOf(c.Model).Model, dir)
		id.TemplateHint = `, or platform.args.chat_template = "file.jinja"`
	}
}

// chatTemplate is the text of a folder's chat template. known: the folder has what would hold one, so that "" means none.
func chatTemplate(dir string) (text string, known bool) {
	if _, err := os.Stat(filepath.Join(dir, "tekken.json")); err == nil {
		return " ", true // Mistral's own tokenizer has it in its code
	}
	for _, name := range []string{"chat_template.jinja", "chat_template.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			text, err := modelfile.ReadSmall(filepath.Join(dir, name), mostTemplate)
			return cmp.Or(string(text), " "), err == nil
		}
	}
	if more, _ := filepath.Glob(filepath.Join(dir, "additional_chat_templates", "*.jinja")); len(more) > 0 {
		return " ", true
	}
	file, err := modelfile.ReadSmall(filepath.Join(dir, "tokenizer_config.json"), mostTemplate)
	if err != nil {
		return "", false
	}
	var config struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if json.Unmarshal(file, &config) != nil {
		return "", false
	}
	if string(config.Template) == "null" || string(config.Template) == `""` {
		return "", true
	}
	return string(config.Template), true
}

// templated are the beginnings of the model types for which vLLM brings a template, or a tokenizer with one in its code
// (0.32: transformers_utils/chat_templates/registry.py, tokenizers/registry.py).
var templated = []string{"blip", "clip", "colpali", "deepseek", "kimi", "minicpm", "paligemma", "siglip", "unlimited"}

// bringsTemplate tells whether vLLM finds a template though the model's folder has no file for one: for some tokenizers and
// model types it carries its own. A config.json that cannot be read counts as yes, since a wrong no would keep a good cell
// from running.
func bringsTemplate(c *cell.Cell, dir string) bool {
	if c.Platform.Args["tokenizer_mode"] != nil || c.Platform.Args["trust_remote_code"] == true {
		return true // whose it is, its code knows
	}
	var config struct {
		Type string `json:"model_type"`
	}
	text, err := modelfile.ReadSmall(filepath.Join(dir, "config.json"), mostTemplate)
	return err != nil || json.Unmarshal(text, &config) != nil ||
		slices.ContainsFunc(templated, func(t string) bool { return strings.HasPrefix(config.Type, t) })
}
