package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"matrix/backends"
	"matrix/backends/fake/queueing"
	"matrix/backends/recipe"
	"matrix/experiments/cell"
)

// readyFile says where the server listens, in the launch's folder.
const readyFile = "ready.json"

// command is how a simulated server is started: this program once more.
// The whole configuration is one argument; the environment is the platform's alone.
func command(spec backends.Spec, config queueing.Config) (backends.Command, error) {
	self, err := os.Executable()
	if err != nil {
		return backends.Command{}, &backends.LaunchError{Environment: true, Class: "missing_binary", Err: fmt.Errorf("find our own program: %w", err)}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return backends.Command{}, fmt.Errorf("encode the simulator's configuration: %w", err)
	}
	return backends.Command{Argv: []string{self, queueing.Marker, string(text)}, Env: spec.Cell.Platform.Env, Dir: spec.Dir}, nil
}

// usualPort is where a recipe's server listens unless told otherwise.
const usualPort = 8000

// writeRecipe is the script that starts the simulated server. It needs matrix, which is the simulator.
func writeRecipe(_ context.Context, c *cell.Cell, port int, _ backends.Request) (string, error) {
	o, problems := parse(c.Platform.Options)
	if len(problems) > 0 {
		return "", errors.New(problems[0].Summary)
	}
	if port == 0 {
		port = usualPort
	}
	// A launch lets the server choose its port; whoever runs a script wants to know it.
	config := queueing.Config{Options: o, Model: c.Model.ID, Port: port, Ready: filepath.Join(recipe.Scratch, readyFile)}
	cmd, err := command(backends.Spec{Cell: c, Dir: recipe.Scratch}, config)
	if err != nil {
		return "", err
	}
	notes := []string{"", "SIMULATED: the simulator is a part of matrix, so this one does need it; its figures say nothing about a real engine.",
		fmt.Sprintf("It serves the API of %s at http://127.0.0.1:%d, the model as %s.", o.API, port, c.Model.ID)}
	return recipe.Script{Cell: c, Notes: notes, Command: cmd}.String(), nil
}
