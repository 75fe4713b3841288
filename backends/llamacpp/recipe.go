package llamacpp

import (
	"cmp"
	"context"
	"fmt"

	"matrix/backends"
	"matrix/backends/recipe"
	"matrix/experiments/cell"
)

// usualPort is llama-server's own.
const usualPort = 8080

// writeRecipe is the script that starts the server as a launch would.
func writeRecipe(ctx context.Context, c *cell.Cell, port int, example backends.Request) (string, error) {
	m := sourceOf(c)
	if m.gguf == "" {
		return "", errNoModel
	}
	s := recipe.Script{Cell: c, Notes: []string{""}}
	p, err := find(c.Platform)
	version := ""
	if err == nil {
		version, err = p.version(ctx)
	}
	if err != nil {
		s.Notes = append(s.Notes, "llama.cpp was not found where this was written: "+err.Error())
		p = program{path: cmp.Or(p.path, c.Platform.Binary, c.Platform.Python, "llama-server"), wheel: c.Platform.Binary == "" && c.Platform.Python != ""}
	} else {
		s.Notes = append(s.Notes, "llama.cpp "+version+" of "+p.path)
	}
	port = cmp.Or(port, c.Platform.Args.Int("port"), usualPort)
	if s.Command, err = command(backends.Spec{Cell: c, Dir: recipe.Scratch}, p, port, c.Model.ID); err != nil {
		return "", err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	request, notes := recipe.Example(c, example)
	_, request.Prompt = cell.CutBOS(request.Prompt)
	text, protocol := body(request, c.Model.ID, c.Isolation == nil || c.Isolation.PrefixCache != "off")
	s.Notes = append(append(append(s.Notes, "Model "+m.gguf+", served as "+c.Model.ID), recipe.Request(url, protocol, text)...), notes...)
	return s.String(), ctx.Err()
}
