// Package claim decides which of several processes on several machines may do a thing, with nothing but a file system
// that they share. It knows neither launches nor Slurm.
//
// A claim is a folder with generations g1, g2 …, each a folder that was filled beside it and renamed into its place:
// rename onto a folder that is not empty fails everywhere, NFS included, so a generation has exactly one owner. The
// highest generation holds. Who finds its owner dead takes the next one; nothing is ever taken away, so an owner that was
// thought dead and is not sees that it lost (Held).
package claim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/results/disk"
)

// Files of a generation.
const (
	ownerFile    = "owner.json"
	aliveFile    = "alive" // written now and then; its time on the server tells when the owner was last seen
	releasedFile = "released"
)

// Silence is how long the owner on another machine must not have been heard of before it counts as dead.
const Silence = 2 * time.Minute

// BeatEvery is how often an owner is to call Beat.
const BeatEvery = 10 * time.Second

// ErrHeld says that somebody else holds the claim.
type ErrHeld struct {
	Owner Owner
	Seen  time.Duration // since it was last heard of
}

func (e *ErrHeld) Error() string { return "held by " + e.Owner.String() }

// ErrLost says that the claim was taken over by somebody who found its owner dead.
var ErrLost = errors.New("the claim was taken over by another task")

// Claim is one that is held.
type Claim struct {
	fs  *disk.FS
	dir string
	gen int
}

// Take takes the claim in folder dir for me, from nobody, from an owner who released it or from one who is dead by
// the rule of Stale. *ErrHeld otherwise.
func Take(fs *disk.FS, dir string, me Owner) (*Claim, error) {
	if err := fs.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	for {
		gen, err := highest(dir)
		if err != nil {
			return nil, err
		}
		if gen > 0 {
			if err := judge(dir, gen, me); err != nil {
				return nil, err
			}
		}
		won, err := enter(fs, dir, gen+1, me)
		if err != nil {
			return nil, err
		}
		if won {
			return &Claim{fs: fs, dir: dir, gen: gen + 1}, nil
		}
	}
}

// enter fills a folder and renames it to the generation; won is false when somebody was faster.
func enter(fs *disk.FS, dir string, gen int, me Owner) (won bool, err error) {
	doc, err := json.Marshal(me)
	if err != nil {
		return false, fmt.Errorf("claim: %w", err)
	}
	tmp := filepath.Join(dir, ".new-"+ulid.Make().String())
	// No fsync: after a power cut the owner is dead and the claim worth nothing. Two writes and a rename.
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return false, fmt.Errorf("claim: %w", err)
	}
	err = errors.Join(os.WriteFile(filepath.Join(tmp, ownerFile), doc, 0o644), os.WriteFile(filepath.Join(tmp, aliveFile), nil, 0o644))
	if err == nil {
		err = fs.Rename(tmp, generation(dir, gen))
	}
	if err == nil {
		return true, nil
	}
	removed := os.RemoveAll(tmp)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return false, removed
	}
	return false, fmt.Errorf("claim: %w", errors.Join(err, removed))
}

// judge returns *ErrHeld when the generation's owner is to be left alone.
func judge(dir string, gen int, me Owner) error {
	if _, err := os.Lstat(filepath.Join(generation(dir, gen), releasedFile)); err == nil {
		return nil
	}
	owner := readOwner(generation(dir, gen))
	seen, err := silence(dir, gen)
	if err != nil {
		return err
	}
	if me.Finds(owner, seen) {
		return nil
	}
	return &ErrHeld{Owner: owner, Seen: seen}
}

// silence is the time since the owner was heard of, by the clock of the file server: two machines' clocks differ.
func silence(dir string, gen int) (time.Duration, error) {
	last, err := os.Lstat(filepath.Join(generation(dir, gen), aliveFile))
	if err != nil { // damaged: it was heard of when it was made
		last, err = os.Lstat(generation(dir, gen))
	}
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	probe := filepath.Join(dir, ".now-"+ulid.Make().String())
	defer os.Remove(probe)
	if err := os.WriteFile(probe, []byte("."), 0o644); err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	now, err := os.Stat(probe)
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	return now.ModTime().Sub(last.ModTime()), nil
}

// Beat tells that the owner is alive.
func (c *Claim) Beat() error {
	return os.WriteFile(filepath.Join(generation(c.dir, c.gen), aliveFile), []byte("."), 0o644)
}

// Keep beats every few seconds until stop is called.
func (c *Claim) Keep(trouble func(error)) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(BeatEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			if err := c.Beat(); err != nil {
				trouble(err)
			}
		}
	}()
	return func() { close(over); <-ended }
}

// Held is nil as long as nobody took the claim over; ErrLost afterwards.
func (c *Claim) Held() error {
	gen, err := highest(c.dir)
	if err == nil && gen != c.gen {
		err = ErrLost
	}
	return err
}

// Release lets anybody take the claim at once.
func (c *Claim) Release() error {
	return os.WriteFile(filepath.Join(generation(c.dir, c.gen), releasedFile), nil, 0o644)
}

// Holder says who holds the claim in dir; nil = nobody, or one who released it.
func Holder(dir string) (*ErrHeld, error) {
	gen, err := highest(dir)
	if err != nil || gen == 0 {
		return nil, err
	}
	err = judge(dir, gen, Owner{})
	var held *ErrHeld
	if errors.As(err, &held) {
		return held, nil
	}
	return nil, err
}

func generation(dir string, gen int) string { return filepath.Join(dir, "g"+strconv.Itoa(gen)) }

// highest is the last generation, 0 when there is none.
func highest(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	most := 0
	for _, e := range entries {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "g")); err == nil && n <= mostGenerations && e.Name() == "g"+strconv.Itoa(n) {
			most = max(most, n)
		}
	}
	return most, nil
}

// mostGenerations is more than any claim has owners; a higher number is none of ours.
const mostGenerations = 1_000_000

// readOwner is the owner of a generation. One that a crash or a disk tore has none that can be told: only silence frees
// it then, since a machine with the same boot may live.
func readOwner(gen string) Owner {
	doc, err := disk.ReadFile(filepath.Join(gen, ownerFile), 1<<16)
	var o Owner
	if err == nil {
		err = json.Unmarshal(doc, &o)
	}
	if err != nil {
		return Owner{What: "an owner that can no longer be read"}
	}
	return o
}
