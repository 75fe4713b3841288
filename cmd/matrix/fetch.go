package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/experiments"
)

// download is one thing to get, with the cell whose backend gets it.
type download struct {
	backends.Download
	by   backends.Fetcher
	cell *experiments.Cell
}

func (a *app) fetchCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "fetch FILE|DIR…", Short: "Download the models that the cells need, before anything is measured",
		Long: "Download the models that the cells need: Hugging Face repositories (HF_TOKEN is read from the environment)\n" +
			"and Ollama models. Sizes and free disk are checked first; launches then run offline.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			s, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer s.close()
			return a.fetch(cmd.Context(), s, dry)
		},
	}
	a.declareVars(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what is lacking and how large it is, download nothing")
	return cmd
}

func (a *app) fetch(ctx context.Context, s *session, dry bool) error {
	wanted, err := a.lacking(ctx, s)
	if err != nil {
		return err
	}
	if len(wanted) == 0 {
		a.say("fetched", map[string]any{"downloads": 0}, "Nothing to fetch: every model is here.")
		return nil
	}
	if err := a.roomFor(wanted); err != nil {
		return err
	}
	for _, d := range wanted {
		a.say("download", map[string]any{"name": d.Name, "bytes": d.Bytes, "into": d.Into}, fmt.Sprintf("%s  %s  into %s", d.Name, sizeText(d.Bytes), d.Into))
		if dry {
			continue
		}
		if err := d.by.Fetch(ctx, d.cell, d.Download, a.fetchProgress(d.Name)); err != nil {
			return fmt.Errorf("fetch %s: %w", d.Name, err)
		}
		a.say("fetched", map[string]any{"name": d.Name}, "  done")
	}
	return nil
}

// say prints a line for people, or a record.
func (a *app) say(kind string, fields map[string]any, line string) {
	if a.json {
		a.emit(kind, fields)
		return
	}
	fmt.Fprintln(a.stdout, line)
}

// lacking asks each backend about each model once.
func (a *app) lacking(ctx context.Context, s *session) ([]download, error) {
	var all []download
	engines := a.engines()
	seen := map[string]bool{}
	for _, e := range s.config.Experiments {
		for _, c := range s.cells[e.Name] {
			by, ok := engines[c.Platform.Backend].(backends.Fetcher)
			if key := c.Platform.ID + "\x00" + c.Model.ID; !ok || seen[key] || c.Skip != nil {
				continue
			} else {
				seen[key] = true
			}
			found, err := by.Lacking(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("look for the model of %s: %w", c.Name(), err)
			}
			for _, d := range found {
				if key := d.Name + "\x00" + d.Into; !seen[key] {
					seen[key] = true
					all = append(all, download{d, by, c})
				}
			}
		}
	}
	return all, nil
}

// spareBytes stays free on a disk that models are downloaded to.
const spareBytes = 2 << 30

// roomFor says when the downloads do not fit the disks that they go to.
func (a *app) roomFor(wanted []download) error {
	need := map[string]int64{}
	for _, d := range wanted {
		if d.Bytes != nil {
			need[d.Into] += *d.Bytes
		}
	}
	for folder, bytes := range need {
		usage, err := disk.Usage(existing(folder))
		if err != nil {
			return fmt.Errorf("read the free space of %s: %w", folder, err)
		}
		if bytes+spareBytes > int64(usage.Free) {
			return hinted{fmt.Errorf("%s has %.1f GiB free; the downloads need %.1f GiB and %.0f GiB to spare", folder, gib(int64(usage.Free)), gib(bytes), gib(spareBytes)),
				"Free some, or move the cache (HF_HOME, OLLAMA_MODELS) to another disk. Nothing was downloaded."}
		}
	}
	return nil
}

// existing is the nearest folder above a path that is there.
func existing(path string) string {
	for path != filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}

// fetchProgress prints at most one line in five seconds (a terminal: one line that changes).
func (a *app) fetchProgress(name string) func(done, total int64) {
	var last time.Time
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
