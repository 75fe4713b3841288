package vllm

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"matrix/backends"
	"matrix/experiments/cell"
)

//go:embed driver.py
var driver string

// Names of the files in a launch's folder.
const (
	driverFile = "driver.py"
	configFile = "config.json"
)

// maxSocketPath is the size of sockaddr_un.sun_path on Linux.
const maxSocketPath = 108

// Command is how a cell's platform is started: argv, what is set in the environment, files to write first. port and
// name are the server's; they are not looked at for the offline platform.
func Command(spec backends.Spec, python string, port int, name string) (backends.Command, error) {
	c := backends.Command{Env: environment(spec), Dir: spec.Dir}
	if spec.Cell.Platform.Backend == ServeName {
		c.Argv = append([]string{python, "-m", "vllm.entrypoints.openai.api_server"}, serveFlags(spec.Cell, port, name)...)
		return c, nil
	}
	args := arguments(spec.Cell)
	if _, declared := args["disable_log_stats"]; !declared {
		args["disable_log_stats"] = false // LLM turns them off, and with them each request's metrics
	}
	config, err := json.MarshalIndent(map[string]any{"args": args}, "", "  ")
	if err != nil {
		return c, fmt.Errorf("write vllm arguments: %w", err)
	}
	// A file and not -c: engine processes import it.
	c.Argv = []string{python, "-u", filepath.Join(spec.Dir, driverFile), filepath.Join(spec.Dir, configFile)}
	c.Files = map[string]string{driverFile: driver, configFile: string(config) + "\n"}
	return c, nil
}

// serveFlags are the declared arguments over what keeps a measurement clean: loopback only, no line per request,
// cached tokens in the usage, and a name that proves that the server which answers is the one we started.
// What is ours comes last and wins: Check refuses a host or a name that is declared, and the port is chosen by now.
func serveFlags(c *cell.Cell, port int, name string) []string {
	args := cell.Values{
		"uvicorn_log_level": "info", "disable_uvicorn_access_log": true, "enable_prompt_tokens_details": true,
	}
	maps.Copy(args, arguments(c))
	maps.Copy(args, cell.Values{
		"host": "127.0.0.1", "port": int64(port), "served_model_name": name,
	})
	return flags(args)
}

// environment is what a launch sets; the platform's own declarations win.
func environment(spec backends.Spec) map[string]string {
	env := map[string]string{
		"VLLM_LOGGING_COLOR":           "0",
		"VLLM_NO_USAGE_STATS":          "1",
		"DO_NOT_TRACK":                 "1",
		"HF_HUB_OFFLINE":               "1", // what is missing is said before, not downloaded in a measurement
		"PYTHONUNBUFFERED":             "1", // phases are read off the log as they happen
		"VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "600",
		"VLLM_ENABLE_STARTUP_PLAN":     "0", // a remembered plan would make the second load unlike the first
	}
	// vLLM's processes meet at Unix sockets with a UUID for a name, which it leaves in the folder for temporary files.
	if spec.Dir != "" && len(spec.Dir)+len("/")+36 < maxSocketPath {
		env["VLLM_RPC_BASE_PATH"] = spec.Dir
	}
	if len(spec.GPUs) > 0 {
		env["CUDA_VISIBLE_DEVICES"] = strings.Join(spec.GPUs, ",")
	}
	if spec.Cell.Isolation != nil && spec.Cell.Isolation.Caches == "cold" {
		for name, dir := range map[string]string{
			"VLLM_CACHE_ROOT": "vllm", "TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton",
		} {
			env[name] = filepath.Join(spec.Dir, "cache", dir)
		}
	}
	maps.Copy(env, spec.Cell.Platform.Env)
	return env
}

// declaredPort is the port that the platform asks for, 0 = any.
func declaredPort(c *cell.Cell) int {
	return c.Platform.Args.Int("port")
}
