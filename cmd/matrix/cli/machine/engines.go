package machine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"matrix/backends"
	"matrix/backends/install"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/experiments/lang"
	"matrix/experiments/textfile"
)

// enginesOf are the engines that some cell may run, each once, in the order of their places.
// Cells that cannot run need none.
func enginesOf(s *app.Session) (all []*cell.Engine) {
	for _, c := range s.Each() {
		for _, one := range c.Installs() {
			if c.Skip == nil && !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	slices.SortFunc(all, func(a, b *cell.Engine) int {
		return cmp.Or(cmp.Compare(a.Place.File, b.Place.File), cmp.Compare(a.Place.Line, b.Place.Line))
	})
	return all
}

// engineFetch makes what engines of files lack.
type engineFetch struct {
	a       *app.App
	maker   install.Maker
	lacking []*cell.Engine // locked and not installed, each folder once
	dry     bool           // nothing is written
}

// fetchEngines locks and installs what is not, and tells how many engines that were.
// All are locked before the first is installed: a version that does not exist shows in a second, an installation takes
// minutes.
func fetchEngines(ctx context.Context, a *app.App, all []*cell.Engine, paths []string, dry bool) (made int, err error) {
	if len(all) == 0 {
		return 0, nil
	}
	// Programs by backend: how each engine is installed is its own package's to say.
	f := engineFetch{a: a, dry: dry, maker: install.Maker{Cache: install.Cache(), System: lang.System, Programs: map[string]backends.Program{}}}
	for name, b := range a.Engines {
		if b.Program != nil {
			f.maker.Programs[name] = *b.Program
		}
	}
	release, err := install.Locked(ctx, f.maker.Cache, func() { a.Warn("another fetch is at work in " + f.maker.Cache + ": waiting for it") })
	if err != nil {
		return 0, err
	}
	defer release()
	if !dry {
		// gc goes by these files
		if err := install.Keep(f.maker.Cache, paths); err != nil {
			return 0, err
		}
	}
	for _, e := range all {
		if err := f.lock(ctx, e); err != nil {
			return 0, placed(e, err)
		}
	}
	if dry {
		return len(f.lacking), nil
	}
	return len(f.lacking), f.install(ctx)
}

// lock gives an engine its lock, written beside its file, and says what is lacking.
// Two engines that ask for the same share a folder.
func (f *engineFetch) lock(ctx context.Context, e *cell.Engine) error {
	// A lock that is there is never renewed: results must not change by a fetch.
	if e.Lock == nil {
		f.a.Tell(ndjson.Fetching{Name: e.ID}, "Locking %s %s (%s)", e.Kind, e.ID, e.Asks(lang.System))
		lock, err := f.maker.Lock(ctx, e)
		if err != nil {
			return err
		}
		if !f.dry {
			if err := writeLock(e, lock); err != nil {
				return err
			}
		}
		e.Lock, e.Folder = lock, filepath.Join(f.maker.Cache, lock.Hash(e.Python, lang.System))
	}
	// there already, or on the list by another block
	if e.Absent() == nil || slices.ContainsFunc(f.lacking, func(o *cell.Engine) bool { return o.Folder == e.Folder }) {
		return nil
	}
	f.lacking = append(f.lacking, e)
	// nil: the lock does not tell
	var size *int64
	download := "size unknown"
	if e.Lock.Bytes > 0 {
		size = &e.Lock.Bytes
		download = sizeText(size) + " to download at most"
	}
	f.a.Tell(ndjson.Download{Name: e.Kind + " " + e.ID, Bytes: size, Into: e.Folder}, "%s %s (%s)  %s  into %s", e.Kind, e.ID, e.Asks(lang.System), download, e.Folder)
	return nil
}

// install makes what lacks, one after the other, if the disk has room for all of it.
// Room is checked for all at once: a night's fetch must not fail at its last engine.
func (f *engineFetch) install(ctx context.Context) error {
	var needs []download
	for _, e := range f.lacking {
		needs = append(needs, download{Download: backends.Download{Bytes: install.Needs(e.Lock), Into: e.Folder}})
	}
	if err := roomFor(needs, diskOf); err != nil {
		return err
	}
	for _, e := range f.lacking {
		f.a.Tell(ndjson.Fetching{Name: e.Kind + " " + e.ID}, "Installing %s %s", e.Kind, e.ID)
		if err := f.maker.Install(ctx, e); err != nil {
			return placed(e, err)
		}
		f.a.Tell(ndjson.Fetched{Name: e.Kind + " " + e.ID}, "  done")
	}
	return nil
}

// placed says where in the files the engine stands that a failure is of, and what to do about it.
// ^C is no fault of an engine.
func placed(e *cell.Engine, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var fault *backends.Fault
	hint := ""
	if errors.As(err, &fault) {
		hint = fault.Hint
	}
	return app.Hint(fmt.Errorf("%s: %s %q: %w", e.Place, e.Kind, e.ID, err), hint)
}

// aboutLocks stands at the head of each lock file.
const aboutLocks = "Written by matrix fetch: what each engine block came to. Commit it."

// writeLock adds a lock to the file that it belongs into.
// Locks of other systems and engines in the file stay. The file is read anew each time, so that two engines of one file
// both get in.
func writeLock(e *cell.Engine, lock *cell.Lock) error {
	var file lang.Locks
	text, err := os.ReadFile(e.Locks)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read %s: %w", e.Locks, textfile.PlainJSON(err))
	}
	file.About = aboutLocks
	if file.Engines == nil {
		file.Engines = map[string]*cell.Lock{}
	}
	// by what is asked for and for which system, not by the block's name
	file.Engines[e.Asks(lang.System)] = lock
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	// version bounds have < and >
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(file); err != nil {
		return err
	}
	return app.ReplaceText(e.Locks, out.String())
}

// examineInstalled lists what is installed, and by which lock.
func examineInstalled() (all []finding) {
	there, err := install.List(install.Cache())
	if err != nil {
		return []finding{found("engines", "warn", err.Error(), "")}
	}
	for _, i := range there {
		all = append(all, found("engine "+i.Hash()[:8], "ok", fmt.Sprintf("%s: %s, installed %s in %s", i.Asked, sizeText(&i.Bytes), i.Made.Format("2006-01-02"), i.Folder), ""))
	}
	return all
}
