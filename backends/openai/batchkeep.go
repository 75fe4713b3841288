package openai

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"matrix/backends/modelfile"
	"matrix/backends/wire"
)

// kept is a batch that the service works on, as it stands on disk: after a crash of ours it goes on, costs money, and
// its answers are there for the next segment of the attempt.
type kept struct {
	ID        string            `json:"id"`           // the service's
	InputFile string            `json:"input_file"`   // the service's id of it
	Began     float64           `json:"began_unix_s"` // s since 1970: our monotonic clock does not outlive the process
	Lines     map[string]string `json:"lines"`        // sequence number → hash of the request
}

// mostKept bounds the file, in bytes: a line of a batch takes some 30, and a service takes 50,000 in one.
const mostKept = 256 << 20

// keepFile is in the folder that lives as long as the attempt.
const keepFile = "openai_batches.json"

// lineHash tells apart requests of one sequence number: warm-up and measured ones are numbered alike.
func lineHash(endpoint string, line []byte) string {
	h := fnv.New64a()
	h.Write([]byte(endpoint))
	h.Write(line)
	return strconv.FormatUint(binary.BigEndian.Uint64(h.Sum(nil)), 36)
}

// readKept loads what an earlier segment left, less the batches that have nothing to give: then their requests are sent
// again. A file that cannot be read is as good as none.
func (b *batcher) readKept(ctx context.Context) {
	if b.keep == "" || b.loaded {
		return
	}
	b.loaded = true
	text, err := modelfile.ReadSmall(filepath.Join(b.keep, keepFile), mostKept)
	if err != nil || json.Unmarshal(text, &b.kept) != nil {
		b.kept = nil
		return
	}
	var useful []kept
	for _, k := range b.kept {
		var now batch
		err := b.server.call(ctx, http.MethodGet, "/batches/"+k.ID, nil, &now)
		var refused *wire.StatusError
		gone := errors.As(err, &refused) && refused.Status == http.StatusNotFound
		if !gone && now.Status != "failed" && now.Status != "cancelled" && now.Status != "cancelling" && now.Status != "expired" {
			useful = append(useful, k)
		}
	}
	b.kept = useful
}

// pickUp finds the kept batch that has a request, and counts it among those that are waited for.
func (b *batcher) pickUp(seq int64, endpoint string, line []byte, running map[string]*batch) bool {
	if len(b.kept) == 0 {
		return false
	}
	hash, name := lineHash(endpoint, line), strconv.FormatInt(seq, 10)
	for _, k := range b.kept {
		if k.Lines[name] != hash {
			continue
		}
		if running[k.ID] == nil {
			whole, part := int64(k.Began), k.Began-float64(int64(k.Began))
			running[k.ID] = &batch{ID: k.ID, inputFile: k.InputFile, seqs: map[int64]bool{},
				began: time.Now().Add(-time.Since(time.Unix(whole, int64(part*1e9))))}
		}
		running[k.ID].seqs[seq] = true
		return true
	}
	return false
}

// remember keeps a batch that has just been created; forget drops one that is over. Both write the file anew. An error
// only means that a crash would send the requests again.
func (b *batcher) remember(r *batch, lines map[int64]string) {
	if b.keep == "" {
		return
	}
	k := kept{ID: r.ID, InputFile: r.inputFile, Began: float64(r.began.UnixNano()) / 1e9, Lines: make(map[string]string, len(lines))}
	for seq, hash := range lines {
		k.Lines[strconv.FormatInt(seq, 10)] = hash
	}
	b.kept = append(b.kept, k)
	b.writeKept()
}

// forget takes a batch whose answers are here off the list of those to fetch.
func (b *batcher) forget(id string) {
	if b.keep == "" {
		return
	}
	var left []kept
	for _, k := range b.kept {
		if k.ID != id {
			left = append(left, k)
		}
	}
	b.kept = left
	b.writeKept()
}

// writeKept writes beside and renames: a list that is cut off would lose batches that are paid for. An error is not worth a
// word, the batch goes on without it.
func (b *batcher) writeKept() {
	text, err := json.Marshal(b.kept)
	if err != nil || os.MkdirAll(b.keep, 0o755) != nil {
		return
	}
	path := filepath.Join(b.keep, keepFile)
	if os.WriteFile(path+".new", text, 0o600) == nil {
		_ = os.Rename(path+".new", path)
	}
}
