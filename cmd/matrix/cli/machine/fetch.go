package machine

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/lang"
	"matrix/results/format"
	"matrix/runner/plan"
)

// download is one thing to get, with the cell whose backend gets it.
// Bytes nil: the server does not say before it sends.
type download struct {
	backends.Download
	from need // whose backend fetches it
}

// Fetch is the command.
func Fetch(a *app.App) *cobra.Command {
	var dry bool
	var chosen plan.Filter
	cmd := &cobra.Command{
		Use: "fetch FILE|DIR…", Short: "Install the engines and download the models that the cells need, before anything is measured",
		Long: "Install the engines that engine blocks ask for, each pinned by a lock beside its file (" + lang.LockFile + ": commit it), and\n" +
			"download the models: Hugging Face repositories (HF_TOKEN is read from the environment) and Ollama models. Sizes and\n" +
			"free disk are checked first; launches then run offline. What was cut off goes on where it stopped. Cells that cannot\n" +
			"run need nothing.",
		Args: app.NeedFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			s, err := chosenCells(cmd.Context(), a, args, chosen)
			if err != nil {
				return err
			}
			// s may be another by then
			defer func() { s.Close() }()
			engines, err := fetchEngines(cmd.Context(), a, enginesOf(s), args, dry)
			if err != nil {
				return err
			}
			if engines > 0 && !dry { // models are had by what is installed, and lie in it
				s.Close()
				if s, err = chosenCells(cmd.Context(), a.Quiet(), args, chosen); err != nil { // its warnings were said
					return err
				}
			}
			// models come last: some are had by engines that were just installed
			return fetch(cmd.Context(), a, neededBy(s, a.Engines), engines, dry)
		},
	}
	a.DeclareVars(cmd)
	// of one grid a machine may need a few models only
	app.DeclareChoice(cmd, &chosen)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what is lacking and how large it is, download nothing")
	return cmd
}

// chosenCells are those of files that are fetched for.
// The session is the caller's to close where there is no error.
func chosenCells(ctx context.Context, a *app.App, paths []string, chosen plan.Filter) (*app.Session, error) {
	s, err := a.Load(ctx, paths)
	if err != nil {
		return nil, err
	}
	err = s.Check(chosen)
	for name, all := range s.Cells {
		if err == nil {
			s.Cells[name], err = chosen.Choose(all)
		}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// fetch gets what can be got, engines being had: one model that is gated or gone does not keep the others from a night's run.
// The exit code tells of troubles; what could be had is there.
func fetch(ctx context.Context, a *app.App, all []need, engines int, dry bool) error {
	// everything is looked at before anything is loaded
	lacking, troubles, err := look(ctx, all)
	if err != nil {
		return err
	}
	for _, d := range lacking {
		a.Tell(ndjson.Download{Name: d.Name, Bytes: d.Bytes, Into: d.Into}, "%s  %s  into %s", d.Name, sizeText(d.Bytes), d.Into)
	}
	for _, trouble := range troubles {
		a.SayErrors(trouble)
	}
	if err := roomFor(lacking, diskOf); err != nil {
		return err
	}
	switch {
	case len(lacking) == 0 && len(troubles) == 0 && engines == 0:
		// a record says 0, and not nothing
		none := 0
		a.Tell(ndjson.Fetched{Downloads: &none}, "Nothing to fetch: every engine and model is here.")
	// roomFor was asked before, so a dry run tells of a full disk, too
	case dry && len(lacking)+engines > 0:
		a.Tell(ndjson.DryRun{Downloads: len(lacking) + engines}, "Nothing was downloaded (--dry-run).")
	case !dry:
		got, err := get(ctx, a, lacking)
		if err != nil {
			return err
		}
		troubles = append(troubles, got...)
	}
	if len(troubles) > 0 {
		return app.ExitCode(app.CodeError)
	}
	return nil
}

// get downloads one after the other: each saturates the network alone.
// ^C ends all; what was loaded in part is gone on with by the next fetch.
func get(ctx context.Context, a *app.App, lacking []download) (troubles []error, err error) {
	for _, d := range lacking {
		a.Tell(ndjson.Fetching{Name: d.Name}, "Fetching %s", d.Name)
		// the backend knows its cache, and goes on where it was cut off
		err := d.from.by.Fetch(ctx, d.from.cell, d.Download, fetchProgress(a, d.Name))
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			trouble := fmt.Errorf("fetch %s: %w", d.Name, err)
			a.SayErrors(trouble)
			troubles = append(troubles, trouble)
			continue
		}
		a.Tell(ndjson.Fetched{Name: d.Name}, "  done")
	}
	return troubles, nil
}

// fetchProgress prints at most one line in five seconds.
// total 0: the server does not say how large it is.
func fetchProgress(a *app.App, name string) func(done, total int64) {
	// a short download says nothing but that it is done
	last := time.Now()
	return func(done, total int64) {
		if time.Since(last) < 5*time.Second {
			return
		}
		last = time.Now()
		text := sizeText(&done)
		if total > 0 {
			text += fmt.Sprintf(" of %s (%s)", sizeText(&total), format.Percent(float64(done)/float64(total)))
		}
		a.Tell(ndjson.FetchProgress{Name: name, DoneBytes: done, TotalBytes: total}, "  %s", text)
	}
}

// sizeText has nil for a size that nobody tells.
func sizeText(bytes *int64) string {
	if bytes == nil {
		return "size unknown"
	}
	return format.Bytes(*bytes)
}
