package launch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/oklog/ulid/v2"

	"matrix/experiments/cell"
	"matrix/results/disk"
	"matrix/results/format"
	"matrix/runner/ledger"
	"matrix/runner/plan"
)

// sentFile is below .matrix: what this tree has sent to servers that outlive a launch. Its first line is a name for the
// tree that no other has, each further line a stretch of a launch: server, engine, what was asked, an id.
const sentFile = "sent"

// chooseSalt decides the nonces of a stretch. A fresh engine has seen no prompt, so it gets those of the dataset alone: the
// same on every platform. A server that outlives the launch (attached, or shared by a group) gets others for each cell and
// launch, still the same on every platform for the same coordinates, launch and tree; and yet others where this tree has
// sent even those to it: a second try, a next segment, a second platform at the same address. Other trees have other
// names. With prompts as they are (prefix_cache = "natural") there is nothing to vary, so the row says what was seen.
func (j *journal) chooseSalt() {
	if !j.cell.Outlived() {
		return
	}
	if j.cell.Platform.Attached() && j.cell.Platform.Batch() && len(j.row.Segments) > 0 && j.row.Segments[0].NonceSalt != 0 {
		j.seg.NonceSalt = j.row.Segments[0].NonceSalt // a batch of an earlier segment is taken up again by its lines
		return
	}
	question := nonceKey(j.cell, j.number)
	if plan.Natural(j.cell) {
		question = "natural-" + short(j.cell.Dataset.ID, j.item.Identity.Components.Dataset.Hash)
	}
	tree, before, err := visit(filepath.Join(j.site.World.Store.Root(), ".matrix", sentFile), j.serverName(), j.cell.Platform.Server(), question)
	if err != nil {
		j.warn("what was sent to the server before cannot be told, so its prompts are made new: " + plan.OneLine(err))
		tree = j.attempt.Manifest().Attempt
	}
	j.seg.NonceSalt = saltOf(tree, nonceKey(j.cell, j.number), fmt.Sprint(before))
	switch {
	case plan.Natural(j.cell) && before > 0:
		j.warn(`prefix cache: prefix_cache = "natural" sends the prompts as they are, and this server has had them before: it may answer out of its cache, which flatters TTFT and throughput`)
	case before > 0 && !plan.Natural(j.cell):
		j.warn("nonce: the server had these prompts before, so they begin with another nonce than other platforms' at this launch")
	}
}

// salt is what chooseSalt decided; it is written before the first request is made.
func (j *journal) salt() uint64 { return uint64(j.seg.NonceSalt) }

// serverName is the host that is asked, or the launch of the group's server.
func (j *journal) serverName() string {
	if s := j.server; s != nil && s.folder != nil {
		return s.folder.ID
	}
	if u, err := url.Parse(j.cell.Platform.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return short(j.cell.Platform.URL)
}

// nonceKey is what of a launch decides its nonces: all coordinates but the platform and the model, whose servers keep
// their own caches.
func nonceKey(c *cell.Cell, launch int) string {
	parts := []string{c.Experiment, fmt.Sprint(launch), fmt.Sprint(c.BatchSize)}
	for _, a := range c.Axes {
		if a.Name != "platform" && a.Name != "model" && a.Name != "batch_size" {
			parts = append(parts, a.Name+"="+a.JSON)
		}
	}
	return short(parts...)
}

// short is a name of fixed length for texts.
func short(parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:16]
}

// saltOf is a number of 32 bits, never 0.
func saltOf(parts ...string) int64 {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return int64(max(1, binary.BigEndian.Uint32(sum[:])))
}

// visit books a stretch and tells the tree's name and how many stretches asked the same of the same server before. Several
// programs may do so at once: lines are appended, and only those above one's own count.
// The id makes one's own line known among equal ones. To read first and write then would let two programs take the same
// number.
func visit(path, server, engine, asked string) (tree string, before int, err error) {
	if err := name(path); err != nil {
		return "", 0, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0) // no FIFO, no link: the tree may be another's
	if err != nil {
		return "", 0, err
	}
	own := strings.Join([]string{server, engine, asked, ulid.Make().String()}, " ")
	_, err = f.WriteString(own + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return "", 0, err
	}
	text, err := disk.ReadFile(path, 64<<20)
	if err != nil {
		return "", 0, err
	}
	lines := strings.Split(string(text), "\n")
	for _, line := range lines[1:] {
		if line == own {
			break
		}
		if f := strings.Fields(line); len(f) == 4 && f[0] == server && f[2] == asked && (f[1] == engine || f[1] == "any" || engine == "any") {
			before++
		}
	}
	return lines[0], before, nil
}

// name makes the file with the tree's name, whole or not at all.
func name(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	id := ulid.Make().String()
	draft := path + "." + id
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(draft, []byte(id+"\n"), 0o644))
	if err == nil {
		if err = os.Link(draft, path); errors.Is(err, fs.ErrExist) {
			err = nil // another program was first
		}
	}
	return errors.Join(err, os.Remove(draft))
}

// cachedMost is the share of prompt tokens that a cache may give although no prompt was sent before: the model's own
// template in front of the nonce.
const cachedMost = 0.2

// notAsAsked says where a phase's answers show that the engine did something else than the cell asks.
func notAsAsked(c *cell.Cell, n ledger.Counts) (warnings []string) {
	if share := float64(n.Cached) / float64(max(1, n.Input)); !plan.Natural(c) && share > cachedMost {
		warnings = append(warnings, fmt.Sprintf(`prefix cache: prefix_cache = "off", and yet %s of the prompt tokens came from the server's cache`, format.Percent(share)))
	}
	if _, think := c.Generate.ThinkingLevel(); !think && n.Thought > 0 {
		warnings = append(warnings, fmt.Sprintf("thinking: generate.thinking is false, and yet %d of %d answers hold reasoning: this server was not told, or does not obey", n.Thought, n.Done))
	}
	return warnings
}
