package dataset

import (
	"fmt"
	"slices"

	"matrix/experiments/cell"
	"matrix/experiments/wording"
)

// Request makes the request of a cell: entry, copy number, nonce and template applied. Warm-up requests have
// their own seqs from 0 and never share a prompt with a measured one, nor its beginning: each starts with a nonce
// of its own, whatever the isolation says.
//
// With prefix_cache = "off" every prompt starts with a nonce, behind a begin-of-sequence token of its own; with "natural"
// prompts are as they are, and only the second and later copies end with one. salt makes other nonces for a server that
// may have seen the others; 0 for one that has seen nothing. MaxTokens of the result is the experiment's cap, or the
// entry's own where that is smaller.
// The result is the caller's own, and the same whenever the same is asked for. A negative seq, one beyond the prompts without
// repeat, and a template that leaves something out are errors.
func (s *Set) Request(c *cell.Cell, warmup bool, seq int, salt uint64) (Entry, error) {
	if seq < 0 || !warmup && !s.d.Repeat && seq >= s.n {
		return Entry{}, fmt.Errorf("request %d of a dataset with %s and no repeat", seq, wording.Count(s.n, "prompts"))
	}
	e, err := s.Entry(seq % s.n)
	if err != nil {
		return Entry{}, err
	}
	e.Messages = slices.Clone(e.Messages)
	mark := nonce(s.d.Seed, warmup, seq, salt)
	atStart := warmup || c.Isolation == nil || c.Isolation.PrefixCache != "natural"
	switch {
	case atStart:
		e.prepend(mark + "\n")
	case seq >= s.n:
		e.append("\n" + mark)
	default:
		mark = ""
	}
	if c.Generate != nil {
		e.limit(c.Generate.MaxTokens)
		if c.Generate.Template != "" {
			return s.rendered(c.Generate.Template, e, mark)
		}
	}
	e.shape(s.d.Chat)
	return e, nil
}

// limit applies the experiment's cap.
func (e *Entry) limit(most int) {
	if most > 0 && (e.MaxTokens == 0 || e.MaxTokens > most) {
		e.MaxTokens = most
	}
}

// prepend puts text at the very beginning of what an engine reads, where a prefix cache looks first. A begin-of-sequence
// token stays before it, since it begins a sequence only there.
func (e *Entry) prepend(text string) {
	if len(e.Messages) > 0 {
		e.Messages[0].Content = text + e.Messages[0].Content
		return
	}
	bos, rest := cell.CutBOS(e.Prompt)
	e.Prompt = bos + text + rest
}

// append puts text at the end of the prompt, or of the last message: a prefix cache still finds the rest.
func (e *Entry) append(text string) {
	if n := len(e.Messages); n > 0 {
		e.Messages[n-1].Content += text
		return
	}
	e.Prompt += text
}

// shape forces chat or completion: a prompt becomes a user's message, messages become one text.
func (e *Entry) shape(chat *bool) {
	switch {
	case chat == nil:
	case *chat && len(e.Messages) == 0:
		e.Messages, e.Prompt = []Message{{Role: "user", Content: e.Prompt}}, ""
	case !*chat && len(e.Messages) > 0:
		e.Prompt, e.Messages = e.text(), nil
	}
}

// nonceBits are the bits that a nonce carries: warm-up or not, and 32 of seq.
const nonceBits = 33

// nonce is ten decimal digits, a function of dataset seed, phase, seq and salt alone. Digits, because tokenizers cut a
// run of digits by its length and not by what it says, so that every prompt grows by the same number of tokens;
// random letters would take four to eight. Two seqs never give the same nonce, nor two salts (of 33 bits) for one seq: the
// mixing below can be undone.
func nonce(seed int64, warmup bool, seq int, salt uint64) string {
	const mask = 1<<nonceBits - 1
	x := uint64(seq) & (1<<32 - 1)
	if warmup {
		x |= 1 << 32
	}
	x ^= (uint64(seed) ^ 0x5deece66d ^ salt) & mask // else seed 0 would give request 0 a row of zeros
	for range 3 {
		x = x * 0x9e3779b97f4a7c15 & mask // odd: a permutation of 33-bit numbers
		x ^= x >> 17
		x = (x + uint64(seed)*0xbf58476d1ce4e5b9) & mask
	}
	return fmt.Sprintf("%010d", x)
}
