// Package dataset owns prompts: it opens a dataset as an offset index over a
// file, never a slice of texts in memory, and turns its entries into a cell's
// requests (repeat, nonce, template), the same bytes for every platform. It
// knows no engine and counts no tokens.
package dataset

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"matrix/experiments/cell"
)

// Set is an opened dataset. Its methods are safe for concurrent use.
type Set struct {
	d        *cell.Dataset
	source   source
	chosen   []uint32 // positions in the source; nil = the first n in order
	n        int      // prompts after limit, 1 at least
	sha256   string   // of the file's bytes, or of what generates the prompts
	format   string   // as read
	encoding string   // of the text where it is no UTF-8: utf-16le, utf-16be
	comma    rune     // between a table's fields where it is not what the suffix says, else 0
	p95      int      // bytes of prompt text
	notes    []string // "FILE: …", a sentence each
	form     []string
	asked    fieldCounts // beside the prompts

	templates sync.Map // text → *template.Template
}

// source is where entries lie: a file with an index, or a generator.
type source interface {
	len() int
	entry(i int) (Entry, error)
	chars(i int) int // bytes of prompt text
	close() error
}

// Open indexes a dataset: 16 bytes a prompt stay in memory. All lines are checked; the first few faults are joined
// in the error (*Error each). Shuffling comes before limit, so a limited shuffled dataset is a random sample.
// The caller closes the set; d must not change while it is open.
func Open(ctx context.Context, d *cell.Dataset) (*Set, error) {
	if d.Path == "" && d.Synthetic == nil {
		return nil, &Error{Path: d.Place.File, Line: d.Place.Line, Reason: fmt.Sprintf("dataset %q has neither path nor synthetic", d.ID)}
	}
	s := &Set{d: d}
	var err error
	if d.Synthetic != nil {
		err = s.openSynthetic()
	} else {
		err = s.openFile(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.choose()
	s.p95 = s.percentile95()
	return s, nil
}

// choose applies shuffle, then limit.
// Positions are 32 bits, which maxPrompts and maxCount keep in range.
func (s *Set) choose() {
	s.n = s.source.len()
	if s.d.Shuffle {
		s.chosen = make([]uint32, s.n)
		for i := range s.chosen {
			s.chosen[i] = uint32(i)
		}
		shuffle(newRandom(uint64(s.d.Seed), shuffleStream), s.chosen)
	}
	if s.d.Limit > 0 && s.d.Limit < s.n {
		s.n = s.d.Limit
		if s.chosen != nil {
			s.chosen = slices.Clone(s.chosen[:s.n])
		}
	}
}

// at is where a prompt of the selection lies in the source.
func (s *Set) at(i int) int {
	if s.chosen != nil {
		return int(s.chosen[i])
	}
	return i
}

// Len is the number of distinct prompts after limit.
func (s *Set) Len() int { return s.n }

// Notes are things left out on reading that a reader of results should know: "3 of 8 conversations left out".
func (s *Set) Notes() []string { return s.notes }

// Form is how the file was read where that is not plain from its name: unpacked, decoded, by which separator.
func (s *Set) Form() []string { return s.form }

// Facts are the dataset component of an identity: SHA-256 of the bytes and the selection rule. A rule's parts
// appear only where they change something, so that writing a default down makes no result stale. repeat is no
// part: it decides whether a cell is allowed, never which prompts it gets.
func (s *Set) Facts() cell.Values {
	rule := cell.Values{}
	if s.d.Limit > 0 && s.d.Limit < s.source.len() {
		rule["limit"] = int64(s.d.Limit)
	}
	if s.d.Shuffle {
		rule["shuffle"], rule["seed"] = true, s.d.Seed
	}
	if s.d.Chat != nil {
		rule["chat"] = *s.d.Chat
	}
	if s.d.Column != "" {
		rule["column"] = s.d.Column
		if s.format == formatJSONL || s.format == formatShareGPT {
			rule["field"] = true // an earlier matrix passed over column here
		}
	}
	// An earlier matrix took such files for something else, and its results are of other prompts.
	if s.encoding != "" {
		rule["encoding"] = s.encoding
	}
	if s.comma != 0 {
		rule["separator"] = string(s.comma)
	}
	s.asked.rule(rule)
	return cell.Values{"sha256": s.sha256, "format": s.format, "rule": rule}
}

// Entry reads the prompt at a position after shuffle and limit, 0 ≤ i < Len.
// It reads from the file each time; errors are of reading, or that the file was changed. The result is the caller's own.
func (s *Set) Entry(i int) (Entry, error) {
	if i < 0 || i >= s.n {
		return Entry{}, fmt.Errorf("read prompt %d of %d", i, s.n)
	}
	return s.source.entry(s.at(i))
}

// Fits reports what keeps a cell from being given its requests: more of them than there are prompts without
// repeat, or a template that cannot be rendered.
// The template is tried on the first prompt alone; another that it cannot take fails in its request.
func (s *Set) Fits(c *cell.Cell) error {
	if c.BatchSize > s.n && !s.d.Repeat {
		return &Error{
			Path: s.d.Place.File, Line: s.d.Place.Line,
			Reason: fmt.Sprintf("batch_size %d asks for more prompts than dataset %q has (%d)", c.BatchSize, s.d.ID, s.n),
			Hint:   fmt.Sprintf("Set repeat = true in the dataset (each copy is made unique), or keep batch_size at %d or less.", s.n),
		}
	}
	if err := s.chatOnly(c); err != nil || c.Generate == nil || c.Generate.Template == "" {
		return err
	}
	_, err := s.Request(c, false, 0, 0)
	return err
}

// Chats reports whether any of a cell's requests is a chat, for the engine's own template, and not a raw prompt.
func (s *Set) Chats(c *cell.Cell) bool {
	if c.Generate != nil && c.Generate.Template != "" {
		return false
	}
	if s.d.Chat != nil {
		return *s.d.Chat
	}
	return s.asked.chats > 0
}

// chatOnly refuses to send as raw prompts what has no place in one.
func (s *Set) chatOnly(c *cell.Cell) error {
	if s.Chats(c) {
		return nil
	}
	for _, f := range s.asked.sent {
		if slices.Contains(chatFields, f.Name) {
			return &Error{Path: s.Path(), Line: f.Line, Reason: f.Name + " goes with a chat, and this cell sends raw prompts",
				Hint: "Leave out generate.template and the dataset's chat = false, so that the engine's own template takes it in; or take the field out of the file."}
		}
	}
	return nil
}

// PromptP95Chars is the 95th percentile of prompt lengths in bytes, for the memory prediction.
func (s *Set) PromptP95Chars() int { return s.p95 }

// p95Sample bounds the work for a generator, whose every length costs making the text.
const p95Sample = 2000

// percentile95 takes the nearest rank, rounded up: what it is for must rather be too large.
func (s *Set) percentile95() int {
	n := s.n
	if _, generated := s.source.(*generator); generated {
		n = min(n, p95Sample)
	}
	chars := make([]int32, n)
	for i := range chars {
		chars[i] = int32(s.source.chars(s.at(i)))
	}
	slices.Sort(chars)
	return int(chars[(n*95+99)/100-1])
}

// Close releases the file.
// No other method may be called then, or be running.
func (s *Set) Close() error { return s.source.close() }

// Fields are those that are sent with the requests, in the order in which the file has them.
func (s *Set) Fields() []Field { return s.asked.sent }

// Path is the file as messages name it; "" for a generated dataset.
func (s *Set) Path() string {
	if s.d.Path == "" {
		return ""
	}
	return display(s.d.Path)
}
