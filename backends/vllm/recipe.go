package vllm

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"matrix/backends"
	"matrix/backends/recipe"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

//go:embed recipe.py
var offlineRecipe string

// usualPort is that of `vllm serve`.
const usualPort = 8000

// writeRecipe is the script that starts vLLM as a launch would.
func writeRecipe(ctx context.Context, c *cell.Cell, port int, example backends.Request) (string, error) {
	if modelOf(c.Model) == nil {
		return "", fmt.Errorf("model %q does not say what vLLM loads", c.Model.ID)
	}
	s := recipe.Script{Cell: c}
	python := engineNotes(&s)
	port = cmp.Or(port, declaredPort(c), usualPort)
	var err error
	s.Command, err = Command(backends.Spec{Cell: c, Dir: recipe.Scratch}, python, port, c.Model.ID)
	if err != nil {
		return "", err
	}
	if c.Platform.Backend == ServeName {
		request, notes := recipe.Example(c, example)
		body, protocol := wire.OpenAIBody(request, c.Model.ID, wire.Extended)
		s.Notes = append(append(s.Notes, recipe.Request(fmt.Sprintf("http://127.0.0.1:%d", port), protocol, body)...), notes...)
		s.Notes = append(s.Notes, measuringOnly(c, "--no-enable-prefix-caching")...)
		return s.String(), ctx.Err()
	}
	s.Notes = append(s.Notes, measuringOnly(c, "enable_prefix_caching")...)
	return offlineScript(s, c)
}

// engineNotes says which engine and model it is, and returns the interpreter.
func engineNotes(s *recipe.Script) string {
	c := s.Cell
	m := modelOf(c.Model)
	s.Notes = append(s.Notes, "", "Model "+strings.Join(strings.Fields(strings.Join([]string{m.Model, m.Revision, m.DType, m.Quantization}, " ")), ", "))
	i, err := find(c.Platform.Python, c.Platform.Env)
	switch {
	case err != nil:
		s.Notes = append(s.Notes, "vLLM was not found where this was written: "+err.Error())
	default:
		s.Notes = append(s.Notes, "vLLM "+i.version+" of "+i.python)
	}
	if _, commit, err := modelDir(c); err != nil {
		s.Notes = append(s.Notes, "The model was not found where this was written: "+err.Error())
	} else if commit != "" {
		s.Notes = append(s.Notes, "Commit "+commit)
	}
	return cmp.Or(i.python, c.Platform.Python, "python3")
}

// measuringOnly says what of the settings a service should not have.
func measuringOnly(c *cell.Cell, caching string) []string {
	if c.Isolation == nil || c.Isolation.PrefixCache != "off" || c.Platform.Args["enable_prefix_caching"] != nil {
		return nil
	}
	return []string{"", "Only measuring wants " + caching + ` (isolation.prefix_cache = "off"): to serve, take it out. Prompts that begin alike are faster then.`}
}

// offlineScript puts a small Python program in the place of matrix's driver, with the same arguments of LLM().
// Numbers stay as the driver's configuration has them (UseNumber), so that the script starts what was measured.
func offlineScript(s recipe.Script, c *cell.Cell) (string, error) {
	var config struct{ Args map[string]any }
	d := json.NewDecoder(bytes.NewReader([]byte(s.Command.Files[configFile])))
	d.UseNumber()
	if err := d.Decode(&config); err != nil {
		return "", fmt.Errorf("read vllm arguments: %w", err)
	}
	request, _ := recipe.Example(c, backends.Request{})
	params := sampling(request)
	params["max_tokens"] = c.Generate.MaxTokens
	plain, err := json.Marshal(params)
	if err != nil {
		return "", fmt.Errorf("write sampling parameters: %w", err)
	}
	var literal map[string]any
	if err := json.Unmarshal(plain, &literal); err != nil {
		return "", fmt.Errorf("write sampling parameters: %w", err)
	}
	program := strings.NewReplacer("ARGS = {}", "ARGS = "+recipe.Python(config.Args, ""), "SAMPLING = {}", "SAMPLING = "+recipe.Python(literal, ""),
		"TEMPLATE = {}", "TEMPLATE = "+recipe.Python(wire.TemplateArgs(request), ""),
		"BATCH = 1", fmt.Sprintf("BATCH = %d", max(c.BatchSize, 1))).Replace(offlineRecipe)
	s.Notes = append(s.Notes, "", "Usage: sh SCRIPT [PROMPTS.jsonl]   one request a line: {\"prompt\": …}, {\"messages\": […]} or OpenAI's batch format")
	if c.Generate.Template != "" {
		s.Notes = append(s.Notes, "The prompts of what was measured were rendered by generate.template; those of the file are sent as they are:")
		s.Notes = append(s.Notes, fmt.Sprintf("  %q", c.Generate.Template))
	}
	s.Before = absolutePrompts
	s.Command.Files = map[string]string{"offline.py": program}
	s.Command.Argv = []string{s.Command.Argv[0], "-u", recipe.Scratch + "/offline.py", recipe.Args}
	return s.String(), nil
}

// absolutePrompts makes the script's own argument absolute, since the command runs in a folder of its own.
const absolutePrompts = `case ${1-} in
  '' | /*) ;;
  *) set -- "$PWD/$1" ;;
esac
`
