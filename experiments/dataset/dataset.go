// Package dataset owns prompts: it opens a dataset as an iterator with an offset
// index, never a slice in memory, and turns its entries into a cell's requests
// (repeat, nonce, template), the same bytes for every platform.
package dataset

import (
	"context"

	"matrix/experiments"
)

// Set is an opened dataset. Its methods are safe for concurrent use.
type Set struct{}

// Message is one turn of a chat.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Entry is one prompt as the dataset has it.
type Entry struct {
	ID        string
	Prompt    string    // when Messages is empty
	Messages  []Message // chat
	MaxTokens int       // 0 = as the experiment says
	Reference string    // expected answer, "" = none
}

// Error is a fault of the data with its place, "candidates.jsonl:17: …".
type Error struct {
	Path   string
	Line   int // 1-based, 0 = whole file
	Reason string
	Hint   string
}

func (e *Error) Error() string { return e.Reason }

// Open indexes a dataset. All lines are checked; the first few faults are joined in the error (*Error each).
func Open(ctx context.Context, d *experiments.Dataset) (*Set, error) { return nil, nil }

// Len is the number of distinct prompts after limit.
func (s *Set) Len() int { return 0 }

// Facts are the dataset component of an identity: SHA-256 of the bytes and the selection rule.
func (s *Set) Facts() experiments.Values { return nil }

// Entry reads the prompt at a position after shuffle and limit, 0 ≤ i < Len.
func (s *Set) Entry(i int) (Entry, error) { return Entry{}, nil }

// Fits reports an error when the cell asks for more requests than there are prompts without repeat.
func (s *Set) Fits(c *experiments.Cell) error { return nil }

// Request makes the request of a cell: entry, copy number, nonce and template applied. Warm-up requests have
// their own seqs from 0 and never share a prompt with a measured one.
func (s *Set) Request(c *experiments.Cell, warmup bool, seq int) (Entry, error) { return Entry{}, nil }

// PromptP95Chars is the 95th percentile of prompt lengths in bytes, for the memory prediction.
func (s *Set) PromptP95Chars() int { return 0 }

// Close releases the file.
func (s *Set) Close() error { return nil }
