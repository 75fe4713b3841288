package ollama

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"matrix/backends"
	"matrix/backends/recipe"
	"matrix/experiments/cell"
)

// usualPort is Ollama's own. A service that runs already has it: give another then.
const usualPort = 11434

// writeRecipe is the script that starts Ollama and loads the model as a launch would.
func writeRecipe(ctx context.Context, c *cell.Cell, port int, example backends.Request) (string, error) {
	if modelOf(c.Model) == nil {
		return "", fmt.Errorf("model %q does not say what Ollama loads", c.Model.ID)
	}
	s := recipe.Script{Cell: c, Notes: []string{""}}
	binary, err := find(c.Platform)
	v := ""
	if err == nil {
		v, err = version(ctx, binary)
	}
	if err != nil {
		s.Notes = append(s.Notes, "Ollama was not found where this was written: "+err.Error())
		binary = cmp.Or(binary, c.Platform.Binary, "ollama")
	} else {
		s.Notes = append(s.Notes, "Ollama "+v+" of "+binary)
	}
	from, err := resolveModel(c)
	if err != nil {
		s.Notes = append(s.Notes, "The model was not found where this was written: "+err.Error())
	}
	model := recipeModel(c, from, v)
	s.Notes = append(s.Notes, "Model "+cmp.Or(modelOf(c.Model).GGUF, modelOf(c.Model).Model)+", served as "+model)
	port = cmp.Or(port, usualPort)
	s.Command = Command(backends.Spec{Cell: c, Dir: recipe.Scratch}, binary, from.store, port)
	url := "http://" + s.Command.Env["OLLAMA_HOST"]
	request, notes := recipe.Example(c, example)
	_, request.Prompt = cell.CutBOS(request.Prompt)
	body, protocol := bodyOf(c.Platform, request, model, false)
	s.Notes = append(append(s.Notes, recipe.Request(url, protocol, body)...), notes...)
	s.Before = "command -v curl >/dev/null || { echo 'this script needs curl' >&2; exit 1; }\n"
	s.After = fmt.Sprintf(awaitServer, recipe.Word(url))
	if modelOf(c.Model).GGUF != "" {
		s.Command.Files = map[string]string{"Modelfile": modelfileText(modelOf(c.Model))}
		s.After += createModel(s.Command, model)
	}
	s.After += fmt.Sprintf(loadModel, recipe.Word(string(loadBody(c.Platform, model))), recipe.Word(model))
	return s.String(), ctx.Err()
}

// recipeModel is the name that a launch would serve the model by: what matrix has made in the store is used again.
func recipeModel(c *cell.Cell, from source, version string) string {
	if from.gguf != "" && len(from.digest) >= 16 {
		return from.servedName(cmp.Or(version, "recipe"))
	}
	return cmp.Or(from.name, modelOf(c.Model).Model, strings.ToLower(c.Model.ID))
}

// modelfileText has Ollama's quotes of three, within which nothing is escaped.
func modelfileText(m *Model) string {
	text := "FROM " + m.GGUF + "\n"
	if m.Template != "" {
		text += "TEMPLATE \"\"\"" + m.Template + "\"\"\"\n"
	}
	return text
}

// awaitServer polls until the server answers, and gives up when it has ended.
const awaitServer = `url=%s
until curl -fsS "$url"/api/version >/dev/null 2>&1; do
  kill -0 "$pid" # the server ended: see its last lines above
  sleep 0.2
done
`

// createModel makes the model from its file where the store does not have it.
func createModel(c backends.Command, model string) string {
	return fmt.Sprintf(`if ! curl -fsS "$url"/api/show -d %s >/dev/null 2>&1; then
  env %s %s create %s -f "$dir"/Modelfile
fi
`, recipe.Word(string(cell.Canonical(map[string]string{"model": model}))), recipe.Word("OLLAMA_HOST="+c.Env["OLLAMA_HOST"]), recipe.Word(c.Argv[0]), recipe.Word(model))
}

// loadModel loads it with the options that every request carries: one that differs makes Ollama load again.
const loadModel = `curl -fsS "$url"/api/generate -d %s >/dev/null
echo "ready: $url, model" %s
`
