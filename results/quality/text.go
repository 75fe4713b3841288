package quality

import (
	"encoding/json"
	"math/bits"
	"regexp"
	"strings"
	"unicode/utf8"
)

// prefixAgreement is the share of the longer answer's words, in order, that both begin with; 1 for two empty answers.
// Words are what white space separates: engines count tokens differently, and a reader sees words.
func prefixAgreement(x, y []string) (share float64, words int) {
	for words < len(x) && words < len(y) && x[words] == y[words] {
		words++
	}
	if longest := max(len(x), len(y)); longest > 0 {
		return float64(words) / float64(longest), words
	}
	return 1, 0
}

// reading is a text as the measures need it, made once for all pairs that it is in.
type reading struct {
	fields []string       // words by white space
	words  []string       // for ROUGE: lower-case runs of a–z and 0–9
	runes  int            // without white space
	grams  [orders][]gram // character n-grams, sorted by hash
	long   float64        // characters
	object map[string]any // where it is one
	places map[string][]uint64
}

// gram is one character n-gram of a text, and how often it is there.
type gram struct {
	hash  uint64
	count int
}

// orders of chrF's character n-grams: 1 to 6.
const orders = 6

// rougeGap tells what stands between ROUGE's words.
func rougeGap(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

// readingOf does all that a text costs once; its longestCommon keeps a table in it, so it is not safe for concurrent use.
func readingOf(text string) *reading {
	r := &reading{fields: strings.Fields(text), words: strings.FieldsFunc(strings.ToLower(text), rougeGap), long: runes(text), object: object(text)}
	letters := []rune(strings.Join(r.fields, ""))
	r.runes = len(letters)
	hashes, spare := make([]uint64, len(letters)), make([]uint64, len(letters))
	for n := 1; n <= orders && n <= len(letters); n++ {
		hashes, spare = hashes[:len(letters)-n+1], spare[:len(letters)-n+1]
		for i := range hashes {
			// FNV-1a over the runes: two of the few thousand n-grams of an answer meet once in 10^12 answers.
			h := uint64(14695981039346656037)
			for _, letter := range letters[i : i+n] {
				h = (h ^ uint64(letter)) * 1099511628211
			}
			hashes[i] = (h ^ h>>32) * 0x9e3779b97f4a7c15 // one to one, and spreads the high bits for the sort
		}
		sortHashes(spare, hashes)
		r.grams[n-1] = gramsOf(spare)
	}
	return r
}

// sortHashes sorts numbers that are spread evenly into sorted, which is as long: by their high byte, then by insertion, for nearly all
// are where they belong. slices.Sort, which cannot know how they are spread, takes some times as long, and was a fifth of a report.
func sortHashes(sorted, hashes []uint64) {
	var at [257]int
	for _, h := range hashes {
		at[h>>56+1]++
	}
	for i := range 256 {
		at[i+1] += at[i]
	}
	for _, h := range hashes {
		sorted[at[h>>56]] = h
		at[h>>56]++
	}
	for i, h := range sorted {
		for ; i > 0 && sorted[i-1] > h; i-- {
			sorted[i] = sorted[i-1]
		}
		sorted[i] = h
	}
}

// gramsOf counts sorted hashes.
func gramsOf(sorted []uint64) []gram {
	different := 1
	for i := range sorted[1:] {
		different += one(sorted[i] != sorted[i+1])
	}
	out := make([]gram, 0, different)
	for i, h := range sorted {
		if i == 0 || h != sorted[i-1] {
			out = append(out, gram{hash: h})
		}
		out[len(out)-1].count++
	}
	return out
}

// chrF is the character n-gram F-score of two texts (Popović 2015: n to 6, β = 2, white space left out), as sacreBLEU's
// sentence_score computes it, in 0–1: the F of the mean precision and mean recall over the orders that both texts have.
func (h *reading) chrF(r *reading) float64 {
	const beta2 = 4.0
	var precision, recall, counted float64
	for n := 1; n <= orders && n <= h.runes && n <= r.runes; n++ {
		match := float64(common(h.grams[n-1], r.grams[n-1]))
		precision += match / float64(h.runes-n+1)
		recall += match / float64(r.runes-n+1)
		counted++
	}
	if precision+recall == 0 {
		return 0
	}
	precision, recall = precision/counted, recall/counted
	return (1 + beta2) * precision * recall / (beta2*precision + recall)
}

// common is how many n-grams are in both of two sorted lists, as often as they are in both. Which list goes on is as good as
// random, and a branch would be mispredicted every other time: both go on by what a subtraction borrows.
func common(a, b []gram) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x, y := a[i], b[j]
		_, xAhead := bits.Sub64(y.hash, x.hash, 0)
		_, yAhead := bits.Sub64(x.hash, y.hash, 0)
		n += min(x.count, y.count) * int(1-xAhead-yAhead)
		i, j = i+int(1-xAhead), j+int(1-yAhead)
	}
	return n
}

// rougeL is the F1 of the longest common subsequence of words (Lin 2004), as rouge-score computes it without a stemmer:
// lower-case runs of a–z and 0–9, all else is a gap. A text in another script has no such words: 0.
func (h *reading) rougeL(r *reading) float64 {
	if len(h.words) == 0 || len(r.words) == 0 {
		return 0
	}
	lcs := float64(h.longestCommon(r.words))
	if lcs == 0 {
		return 0
	}
	precision, recall := lcs/float64(len(h.words)), lcs/float64(len(r.words))
	return 2 * precision * recall / (precision + recall)
}

// longestCommon is the length of the longest common subsequence of words: Hyyrö's bit-parallel form (2004), in which a bit is a
// word of the reading's and sixty-four of them take one addition.
func (h *reading) longestCommon(other []string) int {
	blocks := (len(h.words) + 63) / 64
	if h.places == nil {
		h.places = map[string][]uint64{}
		for i, w := range h.words {
			if h.places[w] == nil {
				h.places[w] = make([]uint64, blocks)
			}
			h.places[w][i/64] |= 1 << (i % 64)
		}
	}
	open := make([]uint64, blocks) // zero where a subsequence grew
	for i := range open {
		open[i] = ^uint64(0)
	}
	for _, w := range other {
		at, found := h.places[w]
		if !found {
			continue
		}
		var carry uint64
		for i, v := range open {
			hit := v & at[i]
			sum, over := bits.Add64(v, hit, carry)
			open[i], carry = sum|(v&^at[i]), over
		}
	}
	n := 0
	for _, v := range open {
		n += bits.OnesCount64(^v)
	}
	return n
}

// refusals are beginnings by which models decline, in English. A heuristic: it knows no other language, misses polite
// detours, and takes "I cannot recommend this candidate" for a refusal. Look at the texts before acting on the count.
var refusals = regexp.MustCompile(`(?i)^\W*(i['’]?m sorry|i am sorry|sorry,|i apologi[sz]e|i can(['’]t|not| not)|i['’]m (unable|not able)|i am (unable|not able)|i (won['’]t|will not)|as an ai\b|unfortunately, i can)`)

// refuses reports that a text begins as a refusal does.
func refuses(text string) bool { return refusals.MatchString(text) }

// empty reports an answer without a word.
func empty(text string) bool { return strings.TrimSpace(text) == "" }

// jsonAsked finds a prompt that wants JSON back.
var jsonAsked = regexp.MustCompile(`(?i)\b(json)\b`)

// validJSON takes a JSON document, alone or in a Markdown fence: a reader of answers would strip that too.
func validJSON(text string) bool {
	text = strings.TrimSpace(text)
	if inner, fenced := strings.CutPrefix(text, "```"); fenced {
		inner = strings.TrimPrefix(inner, "json")
		if text, fenced = strings.CutSuffix(strings.TrimSpace(inner), "```"); !fenced {
			return false
		}
	}
	return json.Valid([]byte(text))
}

// correct reports that an answer is the reference, case, white space and closing punctuation aside; or that its first or
// last line is, since models put a verdict first or last.
func correct(answer, reference string) bool {
	want := normal(reference)
	if want == "" {
		return false
	}
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	return normal(answer) == want || normal(lines[0]) == want || normal(lines[len(lines)-1]) == want
}

// normal is a text as correct compares it.
func normal(text string) string {
	return strings.Trim(strings.ToLower(strings.Join(strings.Fields(text), " ")), " .!*\"'`")
}

// runes is a text's length in characters, without the white space around it.
func runes(text string) float64 { return float64(utf8.RuneCountInString(strings.TrimSpace(text))) }
