package modelfile

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"matrix/experiments/textfile"
)

// Weights is what safetensors headers say of a model's weights.
type Weights struct {
	Bytes   int64            // of all tensors
	ByDType map[string]int64 // tensor bytes by safetensors' own names: "BF16", "F32", "I32"
}

// DType is the type that most of the bytes have.
func (w *Weights) DType() string {
	best := ""
	for name, n := range w.ByDType {
		if best == "" || n > w.ByDType[best] || n == w.ByDType[best] && name < best {
			best = name
		}
	}
	return best
}

// headerLimit bounds a safetensors header; the format's own reader has 100 MB.
const headerLimit = 100 << 20

// ReadSafetensors reads the headers of all weight files of a folder: those that model.safetensors.index.json names,
// else every *.safetensors. A file that the index names and that is not here is an error: a partial download.
// They are read once while the folder stays the same; the result is shared and must not be written to.
func ReadSafetensors(dir string) (*Weights, error) {
	return headers.weights.read(dir, readSafetensors, dir)
}

// readSafetensors adds up the heads of a folder's weight files; no weights are read.
func readSafetensors(dir string) (*Weights, error) {
	files, err := weightFiles(dir)
	if err != nil {
		return nil, err
	}
	w := &Weights{ByDType: map[string]int64{}}
	for _, path := range files {
		if err := w.addFile(path); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return w, nil
}

// weightFiles are the files that the index names, or every *.safetensors without one. The index wins: beside its files may
// lie others, such as a consolidated copy of the same weights. A name with a folder in it is refused.
func weightFiles(dir string) ([]string, error) {
	index := filepath.Join(dir, "model.safetensors.index.json")
	data, err := ReadSmall(index, headerLimit)
	if os.IsNotExist(err) {
		files, err := textfile.Files(dir, ".safetensors")
		if err != nil && !os.IsNotExist(err) {
			return nil, err // weights that cannot be looked at are not missing
		}
		if len(files) == 0 {
			return nil, &NotFoundError{Name: "weights", Looked: filepath.Join(dir, "*.safetensors")}
		}
		return files, nil
	}
	if err != nil {
		return nil, err
	}
	var raw struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read %s: %w", index, textfile.PlainJSON(err))
	}
	seen := map[string]bool{}
	for _, name := range raw.WeightMap {
		if name != filepath.Base(name) || name == "" || name == "." || name == ".." {
			return nil, fmt.Errorf("read %s: %q is no file name", index, name)
		}
		seen[filepath.Join(dir, name)] = true
	}
	files := make([]string, 0, len(seen))
	for path := range seen {
		files = append(files, path)
	}
	sort.Strings(files)
	return files, nil
}

// addFile adds one file's head. A file that the index names and that is not there was not downloaded whole.
func (w *Weights) addFile(path string) error {
	f, size, err := openRegular(path)
	if err != nil {
		if os.IsNotExist(err) {
			return &NotFoundError{Name: "weights", Looked: path}
		}
		return err
	}
	defer f.Close()
	return w.addHeader(f, size)
}

// addHeader sums one header: 8 bytes of length, then JSON. The length is held against the file before it is believed.
func (w *Weights) addHeader(r io.Reader, size int64) error {
	var prefix [8]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return fmt.Errorf("safetensors header: %w", err)
	}
	n := binary.LittleEndian.Uint64(prefix[:])
	if n > headerLimit || int64(n) > size-8 {
		return fmt.Errorf("safetensors header claims %d bytes of a %d-byte file", n, size)
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	var tensors map[string]struct {
		DType   string   `json:"dtype"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(stripMetadata(data), &tensors); err != nil {
		return fmt.Errorf("safetensors header: %w", textfile.PlainJSON(err))
	}
	for name, t := range tensors {
		bytes := t.Offsets[1] - t.Offsets[0]
		if t.Offsets[0] < 0 || bytes < 0 || t.Offsets[1] > size-8-int64(n) {
			return fmt.Errorf("tensor %.80q lies outside the file: a partial download?", name)
		}
		w.Bytes += bytes
		w.ByDType[t.DType] += bytes
	}
	return nil
}

// stripMetadata drops __metadata__, the one entry that is no tensor.
func stripMetadata(data []byte) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		return data
	}
	if _, ok := all["__metadata__"]; !ok {
		return data
	}
	delete(all, "__metadata__")
	out, err := json.Marshal(all)
	if err != nil {
		return data
	}
	return out
}
