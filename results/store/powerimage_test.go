package store

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matrix/results/disk"
)

// diskImage is a tree of files as a cut leaves it: path → contents; folders end with "/" and have none.
type diskImage map[string][]byte

// node is a file (inode ≥ 0) or a folder.
type node struct {
	inode   int
	entries map[string]*node // nil for a file
}

// inode is a file's bytes, whatever its names.
type inode struct {
	data   []byte
	synced int
}

// After rebuilds the tree that a cut leaves.
func (l *diskLog) After(cut powerCut) diskImage {
	ops := l.ops[:cut.After]
	live, durable := newFolder(), newFolder()
	inodes := map[int]*inode{}
	for i, op := range ops {
		live.apply(i, op)
		switch op.Kind {
		case disk.Create:
			inodes[i] = &inode{}
		case disk.Write:
			if f := live.find(op.Path); f != nil {
				inodes[f.inode].data = append(inodes[f.inode].data, op.Data...)
			}
		case disk.Sync:
			if f := live.find(op.Path); f != nil {
				inodes[f.inode].synced = len(inodes[f.inode].data)
			}
		}
	}
	lost := map[int]bool{}
	for bit, i := range atRisk(ops) {
		lost[i] = bit < 64 && cut.Lost>>bit&1 == 1
	}
	for i, op := range ops {
		if !lost[i] {
			durable.apply(i, op)
		}
	}
	image := diskImage{}
	durable.walk("", func(path string, n *node) {
		if n.entries != nil {
			image[path+"/"] = nil
			return
		}
		image[path] = inodes[n.inode].after(cut.fate(n.inode))
	})
	return image
}

// fate is what becomes of one file's bytes.
func (c powerCut) fate(inode int) byteFate {
	if c.Seed == 0 {
		return c.Data
	}
	return byteFate(rand.New(rand.NewPCG(c.Seed, uint64(inode))).IntN(int(fates)))
}

func (f *inode) after(data byteFate) []byte {
	out, loose := slices.Clone(f.data), len(f.data)-f.synced
	switch data {
	case bytesDropped:
		return out[:f.synced]
	case bytesTornFirst:
		return out[:f.synced+min(1, loose)]
	case bytesTornEarly:
		return out[:f.synced+loose/4]
	case bytesTorn:
		return out[:f.synced+loose/2]
	case bytesTornLate:
		return out[:f.synced+loose*3/4]
	case bytesTornLast:
		return out[:len(out)-min(1, loose)]
	case bytesZeroed:
		clear(out[f.synced:])
	case bytesHalfZero:
		clear(out[f.synced+loose/2:])
	}
	return out
}

func newFolder() *node { return &node{inode: -1, entries: map[string]*node{}} }

func (n *node) find(path string) *node {
	if path == "." || path == "" {
		return n
	}
	for name := range strings.SplitSeq(path, string(filepath.Separator)) {
		if n == nil || n.entries == nil {
			return nil
		}
		n = n.entries[name]
	}
	return n
}

// apply does what an operation does to names.
func (n *node) apply(i int, op disk.Op) {
	parent, name := n.find(filepath.Dir(op.Path)), filepath.Base(op.Path)
	if parent == nil || parent.entries == nil {
		return
	}
	switch op.Kind {
	case disk.Create:
		parent.entries[name] = &node{inode: i}
	case disk.Mkdir:
		if parent.entries[name] == nil {
			parent.entries[name] = newFolder()
		}
	case disk.Remove:
		delete(parent.entries, name)
	case disk.Rename:
		to := n.find(filepath.Dir(op.To))
		if moved := parent.entries[name]; moved != nil && to != nil {
			delete(parent.entries, name)
			to.entries[filepath.Base(op.To)] = moved
		}
	}
}

func (n *node) walk(path string, each func(string, *node)) {
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		child := n.entries[name]
		each(filepath.Join(path, name), child)
		child.walk(filepath.Join(path, name), each)
	}
}

// Sum tells equal images.
func (m diskImage) Sum() [32]byte {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(h, "%q %d ", path, len(m[path]))
		h.Write(m[path])
	}
	return [32]byte(h.Sum(nil))
}

// HalfRemoved is the image after part of a folder is gone, as when a removal was cut: every other file of
// those under path, by name.
func (m diskImage) HalfRemoved(path string) diskImage {
	out, n := diskImage{}, 0
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(name, path+"/") && !strings.HasSuffix(name, "/") {
			if n++; n%2 == 1 {
				continue
			}
		}
		out[name] = m[name]
	}
	return out
}

// Write puts the image under root.
func (m diskImage) Write(root string) error {
	for _, path := range slices.Sorted(maps.Keys(m)) {
		full := filepath.Join(root, path)
		if strings.HasSuffix(path, "/") {
			if err := os.MkdirAll(full, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, m[path], 0o644); err != nil {
			return err
		}
	}
	return nil
}
