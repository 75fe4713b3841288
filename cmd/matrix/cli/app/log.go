package app

import (
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"
)

// DeclareLog adds --log to a command that launches engines.
func (a *App) DeclareLog(cmd *cobra.Command) {
	cmd.Flags().Func("log", "append to this `FILE`, in lines of JSON, what happens and every 10 s what each launch waits for", func(path string) error {
		// O_NONBLOCK: of a FIFO that nobody reads this says so, and does not wait.
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o644)
		if err != nil {
			return err
		}
		a.Log = slog.New(slog.NewJSONHandler(file, nil)) // the file is open until the program ends
		return nil
	})
}
