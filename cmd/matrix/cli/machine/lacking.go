package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/shirou/gopsutil/v4/disk"
	"golang.org/x/sys/unix"

	"matrix/backends"
	"matrix/cmd/matrix/cli/app"
	"matrix/experiments/cell"
	"matrix/results/format"
)

// need is one model on one platform, with the first cell that needs it.
type need struct {
	by   backends.Backend
	cell *cell.Cell
}

// neededBy is every pair of platform and model that some cell may run and a backend can fetch for.
// Engines that load weights from a block's folder have had them installed.
func neededBy(s *app.Session, engines map[string]backends.Backend) []need {
	var all []need
	seen := map[[2]string]bool{}
	for _, c := range s.Each() {
		by := engines[c.Platform.Backend]
		// precision and revision are the model's: one of each is enough
		pair := [2]string{c.Platform.ID, c.Model.ID}
		if by.Fetch == nil || seen[pair] || c.Skip != nil || len(c.Weights()) > 0 {
			continue
		}
		seen[pair] = true
		all = append(all, need{by, c})
	}
	return all
}

// look asks each backend what its model lacks. What cannot be told is a trouble, said once: a network that is down is
// the same news for every model.
// Errors are troubles, not the end: other models may be had.
func look(ctx context.Context, all []need) (lacking []download, troubles []error, err error) {
	seen := map[string]bool{}
	for _, w := range all {
		found, err := w.by.Lacking(ctx, w.cell)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			troubles = append(troubles, fmt.Errorf("look for model %s of platform %s: %w", w.cell.Model.ID, w.cell.Platform.ID, err))
		}
		for _, d := range found {
			// two platforms may want one model in one place
			if key := d.Name + "\x00" + d.Into; !seen[key] {
				seen[key] = true
				lacking = append(lacking, download{d, w})
			}
		}
	}
	return lacking, troubles, nil
}

// spareBytes stays free on a disk that models are downloaded to.
// A disk that is filled to its end stops whatever else writes there.
const spareBytes = 2 << 30

// roomFor says when the downloads do not fit the disks that they go to. Folders of one disk share its room.
// Sizes that nobody tells count as nothing: it is a warning in time, no promise. on is diskOf.
func roomFor(lacking []download, on func(folder string) (disk string, free int64, err error)) error {
	type room struct{ bytes, free int64 }
	// by disk
	rooms := map[string]room{}
	folders := map[string]string{}
	for _, d := range lacking {
		// nothing can be said of it
		if d.Bytes == nil || !filepath.IsAbs(d.Into) { // an attached server's disk is not ours to see
			continue
		}
		disk, free, err := on(d.Into)
		if err != nil {
			return fmt.Errorf("read the free space of %s: %w", d.Into, err)
		}
		rooms[disk] = room{rooms[disk].bytes + *d.Bytes, free}
		folders[disk] = d.Into
	}
	for _, disk := range slices.Sorted(maps.Keys(rooms)) {
		n := rooms[disk]
		if n.bytes+spareBytes > n.free {
			return app.Hint(fmt.Errorf("%s has %.1f GiB free; the downloads need %.1f GiB and %.0f GiB to spare", folders[disk], format.GiB(n.free), format.GiB(n.bytes), format.GiB(spareBytes)),
				"Free some, or move the cache (HF_HOME, OLLAMA_MODELS, MATRIX_ENGINES) to another disk. Nothing was downloaded.")
		}
	}
	return nil
}

// diskOf tells which disk a folder is on, which need not be there yet, and how many bytes may still be written there.
// What an ordinary user may write, not what is free: file systems keep some for root.
func diskOf(folder string) (string, int64, error) {
	path := existing(folder)
	usage, err := disk.Usage(path)
	if err != nil {
		return "", 0, err
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", 0, err
	}
	return fmt.Sprint(st.Dev), int64(usage.Free), nil
}

// existing is the nearest folder above a path that is there.
// "/" or "." at last.
func existing(path string) string {
	for path != filepath.Dir(path) {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}
