package machine

import (
	"runtime"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
)

// Version is the command.
func Version(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of matrix", Args: app.NoArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Tell(ndjson.Version{Schema: ndjson.Schema, Matrix: app.Version(), Go: runtime.Version()}, "matrix %s (%s, %s/%s)", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
