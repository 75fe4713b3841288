package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends"
)

// download is one thing to get, with the cell whose backend gets it.
type download struct {
	backends.Download
	from wanted
}

func (a *app) fetchCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "fetch FILE|DIR…", Short: "Download the models that the cells need, before anything is measured",
		Long: "Download the models that the cells need: Hugging Face repositories (HF_TOKEN is read from the environment)\n" +
			"and Ollama models. Sizes and free disk are checked first; launches then run offline.\n" +
			"A download that was cut off goes on where it stopped. Cells that cannot run need nothing.",
		Args: needFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			s, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.close()
			return a.fetch(cmd.Context(), wantedBy(s, a.engines()), dry)
		},
	}
	a.declareVars(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what is lacking and how large it is, download nothing")
	return cmd
}

// fetch gets what can be got: one model that is gated or gone does not keep the others from a night's run.
func (a *app) fetch(ctx context.Context, all []wanted, dry bool) error {
	lacking, troubles, err := look(ctx, all)
	if err != nil {
		return err
	}
	for _, d := range lacking {
		a.say("download", map[string]any{"name": d.Name, "bytes": d.Bytes, "into": d.Into}, fmt.Sprintf("%s  %s  into %s", d.Name, sizeText(d.Bytes), d.Into))
	}
	a.sayTroubles(troubles)
	if err := roomFor(lacking, diskOf); err != nil {
		return err
	}
	switch {
	case len(lacking) == 0 && len(troubles) == 0:
		a.say("fetched", map[string]any{"downloads": 0}, "Nothing to fetch: every model is here.")
	case dry && len(lacking) > 0:
		a.say("dry_run", map[string]any{"downloads": len(lacking)}, "Nothing was downloaded (--dry-run).")
	case !dry:
		got, err := a.get(ctx, lacking)
		if err != nil {
			return err
		}
		troubles = append(troubles, got...)
	}
	if len(troubles) > 0 {
		return exitCode(codeError)
	}
	return nil
}

// get downloads one after the other: each saturates the network alone.
func (a *app) get(ctx context.Context, lacking []download) (troubles []error, err error) {
	for _, d := range lacking {
		a.say("fetching", map[string]any{"name": d.Name}, "Fetching "+d.Name)
		err := d.from.by.Fetch(ctx, d.from.cell, d.Download, a.fetchProgress(d.Name))
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			trouble := fmt.Errorf("fetch %s: %w", d.Name, err)
			a.sayTroubles([]error{trouble})
			troubles = append(troubles, trouble)
			continue
		}
		a.say("fetched", map[string]any{"name": d.Name}, "  done")
	}
	return troubles, nil
}

func (a *app) sayTroubles(troubles []error) {
	for _, trouble := range troubles {
		var advice hinted
		hint := ""
		if errors.As(trouble, &advice) {
			hint = advice.hint
		}
		a.sayError(trouble, hint)
	}
}

// say prints a line for people, or a record.
func (a *app) say(kind string, fields map[string]any, line string) {
	if a.json {
		a.emit(kind, fields)
		return
	}
	fmt.Fprintln(a.stdout, line)
}

// fetchProgress prints at most one line in five seconds.
func (a *app) fetchProgress(name string) func(done, total int64) {
	last := time.Now()
	return func(done, total int64) {
		if time.Since(last) < 5*time.Second {
			return
		}
		last = time.Now()
		text := sizeText(&done)
		if total > 0 {
			text += fmt.Sprintf(" of %s (%.0f%%)", sizeText(&total), 100*float64(done)/float64(total))
		}
		a.say("progress", map[string]any{"name": name, "done_bytes": done, "total_bytes": total}, "  "+text)
	}
}

func sizeText(bytes *int64) string {
	switch {
	case bytes == nil:
		return "size unknown"
	case *bytes < 1e6:
		return fmt.Sprintf("%.1f kB", float64(*bytes)/1e3)
	case *bytes < 1e9:
		return fmt.Sprintf("%.1f MB", float64(*bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(*bytes)/1e9)
}
