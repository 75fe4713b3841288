package quality

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// prefixAgreement is the share of the longer answer's words, in order, that both begin with; 1 for two empty answers.
// Words are what white space separates: engines count tokens differently, and a reader sees words.
func prefixAgreement(a, b string) (share float64, words int) {
	x, y := strings.Fields(a), strings.Fields(b)
	for words < len(x) && words < len(y) && x[words] == y[words] {
		words++
	}
	if longest := max(len(x), len(y)); longest > 0 {
		return float64(words) / float64(longest), words
	}
	return 1, 0
}

// chrF is the character n-gram F-score of two texts (Popović 2015: n to 6, β = 2, white space left out), as sacreBLEU's
// sentence_score computes it, in 0–1: the F of the mean precision and mean recall over the orders that both texts have.
func chrF(hypothesis, reference string) float64 {
	const orders, beta2 = 6, 4.0
	h, r := []rune(strings.Join(strings.Fields(hypothesis), "")), []rune(strings.Join(strings.Fields(reference), ""))
	var precision, recall, counted float64
	for n := 1; n <= orders && n <= len(h) && n <= len(r); n++ {
		match := float64(common(grams(h, n), grams(r, n)))
		precision += match / float64(len(h)-n+1)
		recall += match / float64(len(r)-n+1)
		counted++
	}
	if precision+recall == 0 {
		return 0
	}
	precision, recall = precision/counted, recall/counted
	return (1 + beta2) * precision * recall / (beta2*precision + recall)
}

func grams(text []rune, n int) map[string]int {
	out := map[string]int{}
	for i := 0; i+n <= len(text); i++ {
		out[string(text[i:i+n])]++
	}
	return out
}

func common(a, b map[string]int) int {
	sum := 0
	for gram, n := range a {
		sum += min(n, b[gram])
	}
	return sum
}

var rougeGap = regexp.MustCompile(`[^a-z0-9]+`)

// rougeL is the F1 of the longest common subsequence of words (Lin 2004), as rouge-score computes it without a stemmer:
// lower-case runs of a–z and 0–9, all else is a gap. A text in another script has no such words: 0.
func rougeL(hypothesis, reference string) float64 {
	split := func(s string) []string { return strings.Fields(rougeGap.ReplaceAllString(strings.ToLower(s), " ")) }
	h, r := split(hypothesis), split(reference)
	if len(h) == 0 || len(r) == 0 {
		return 0
	}
	lcs := float64(longestCommon(h, r))
	if lcs == 0 {
		return 0
	}
	precision, recall := lcs/float64(len(h)), lcs/float64(len(r))
	return 2 * precision * recall / (precision + recall)
}

func longestCommon(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// refusals are beginnings by which models decline, in English. A heuristic: it knows no other language, misses polite
// detours, and takes "I cannot recommend this candidate" for a refusal. Look at the texts before acting on the count.
var refusals = regexp.MustCompile(`(?i)^\W*(i['’]?m sorry|i am sorry|sorry,|i apologi[sz]e|i can(['’]t|not| not)|i['’]m (unable|not able)|i am (unable|not able)|i (won['’]t|will not)|as an ai\b|unfortunately, i can)`)

func refuses(text string) bool { return refusals.MatchString(text) }

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

func normal(text string) string {
	return strings.Trim(strings.ToLower(strings.Join(strings.Fields(text), " ")), " .!*\"'`")
}

func runes(text string) float64 { return float64(utf8.RuneCountInString(strings.TrimSpace(text))) }
