package llamacpp

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"matrix/backends"
	"matrix/experiments/cell"
)

//go:embed serve.py
var serveScript string

// Names of the files in a launch's folder.
const (
	serveFile  = "serve.py"
	configFile = "config.json"
)

// ours are the arguments that a launch decides.
var ours = []string{"host", "model", "alias", "metrics", "api_key", "api_key_file", "path", "hf_repo", "model_url"}

// arguments are the server's in snake_case: what the platform declares over what keeps a measurement clean, which is
// loopback, a name that proves whose server answers, and a log that tells where the layers lie.
func arguments(c *cell.Cell, port int, name string) cell.Values {
	m := sourceOf(c)
	args := cell.Values{"log_verbosity": int64(4)}
	if m.template != "" {
		args["chat_template"], args["jinja"] = m.template, true
	}
	maps.Copy(args, c.Platform.Args)
	maps.Copy(args, cell.Values{"host": "127.0.0.1", "port": int64(port), "model": m.gguf, "alias": name, "metrics": true})
	maps.DeleteFunc(args, func(_ string, v any) bool { return v == nil }) // null means llama.cpp's default
	return args
}

// command is how a cell's server is started.
// The variable for the devices may be overruled by the platform's own env. The wheel is started through serve.py, which
// takes the same names, so that both have one set of arguments.
func command(spec backends.Spec, p program, port int, name string) (backends.Command, error) {
	env := map[string]string{}
	if len(spec.GPUs) > 0 {
		env["CUDA_VISIBLE_DEVICES"] = strings.Join(spec.GPUs, ",")
	}
	maps.Copy(env, spec.Cell.Platform.Env)
	c := backends.Command{Env: env, Dir: spec.Dir}
	args := arguments(spec.Cell, port, name)
	if !p.wheel {
		c.Argv = append([]string{p.path}, flags(args)...)
		return c, nil
	}
	config, err := json.MarshalIndent(args, "", "  ")
	if err != nil {
		return c, fmt.Errorf("write llama.cpp's arguments: %w", err)
	}
	c.Argv = []string{p.path, "-P", "-u", filepath.Join(spec.Dir, serveFile), filepath.Join(spec.Dir, configFile)}
	c.Files = map[string]string{serveFile: serveScript, configFile: string(config) + "\n"}
	return c, nil
}

// flags turns arguments into those of llama-server, sorted by name. Lists are one value with commas, as it takes them.
func flags(args cell.Values) []string {
	var argv []string
	for _, name := range slices.Sorted(maps.Keys(args)) {
		kebab := strings.ReplaceAll(name, "_", "-")
		switch v := args[name].(type) {
		case bool:
			if !v {
				kebab = "no-" + kebab
			}
			argv = append(argv, "--"+kebab)
		case []any:
			words := make([]string, len(v))
			for i := range v {
				words[i] = word(v[i])
			}
			argv = append(argv, "--"+kebab, strings.Join(words, ","))
		default:
			argv = append(argv, "--"+kebab, word(v))
		}
	}
	return argv
}

// word keeps a fraction's digits, as 0.1.
func word(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// layersDeclared reports whether the user himself said how many layers go to the GPU.
func layersDeclared(p *cell.Platform) (n int, declared bool) {
	for _, name := range []string{"n_gpu_layers", "gpu_layers"} {
		if p.Args[name] != nil {
			return p.Args.Int(name), true
		}
	}
	return 0, false
}
