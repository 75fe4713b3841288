package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version of matrix; a build from a checkout adds its commit.
const release = "0.1.0"

// version is release plus the commit that the binary was built from, "0.1.0+a81f3c0e".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 8:
			commit = "+" + s.Value[:8]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ".dirty"
		}
	}
	if commit == "" {
		return release
	}
	return release + commit + dirty
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of matrix", Args: noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.json {
				a.emit("version", map[string]any{"schema": schemaVersion, "matrix": version(), "go": runtime.Version()})
				return nil
			}
			_, err := fmt.Fprintf(a.stdout, "matrix %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
