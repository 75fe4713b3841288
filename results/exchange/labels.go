package exchange

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// labelOf makes a label of a name: "google/gemma-3-4b-it" is gemma_3_4b_it.
// Labels are names in HCL: small letters, digits, "_", and no digit in front. "" = nothing is left of it.
func labelOf(name string) string {
	name = name[strings.LastIndexByte(strings.TrimRight(name, "/"), '/')+1:]
	label := strings.Trim(regexp.MustCompile(`[^a-z0-9_]+`).ReplaceAllString(strings.ToLower(name), "_"), "_")
	if label != "" && label[0] >= '0' && label[0] <= '9' {
		label = "m" + label
	}
	return label
}

// parametersInName finds a size that a model's name claims: 4b, 1.5B, 270m; not the digits of a version, which no b follows.
var parametersInName = regexp.MustCompile(`(?i)(?:^|[^a-z0-9.])(\d+(?:[._]\d+)?)\s*([bm])(?:[^a-z0-9]|$)`)

// parameters is how many a model's name claims, 0 where it does not say.
// "gemma_3_4b" is 4e9; the name's first such number counts.
func parameters(name string) float64 {
	m := parametersInName.FindStringSubmatch(strings.ReplaceAll(name, "_", "-"))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], "-", "."), 64)
	if err != nil {
		return 0
	}
	if strings.EqualFold(m[2], "m") {
		return n * 1e6
	}
	return n * 1e9
}

// Bytes a parameter: from 2-bit quantisation with its scales to float32, with room for what is not counted.
// A wrong label is worse than none: figures would stand under another model's name.
const (
	fewestBytes = 0.3
	mostBytes   = 4.4
)

// disagreements says where labels do not fit what is known.
// They are warnings: the labels stay as they were given.
func disagreements(s *Set, weightBytes int64) []string {
	var out []string
	if n := len(s.Requests); n > 0 && n != s.Labels.BatchSize {
		out = append(out, fmt.Sprintf("labelled a batch of %d, with %d requests in the file", s.Labels.BatchSize, n))
	}
	if n := parameters(s.Labels.Model); n > 0 && weightBytes > 0 {
		each := float64(weightBytes) / n
		if each < fewestBytes || each > mostBytes {
			out = append(out, fmt.Sprintf("labelled %s, but %.1f GB of weights are %.2f bytes a parameter of %s: at 4 to 16 bits that is a model of %s to %s",
				s.Labels.Model, float64(weightBytes)/1e9, each, billions(n), billions(float64(weightBytes)/2), billions(float64(weightBytes)/0.55)))
		}
	}
	var empty int
	for _, r := range s.Requests {
		if r.Status == "ok" && r.OutputTokens != nil && *r.OutputTokens == 0 {
			empty++
		}
	}
	if empty > 0 {
		out = append(out, fmt.Sprintf("%d of %d requests are called ok with no output token", empty, len(s.Requests)))
	}
	return out
}

// billions writes a number of parameters as models' names do.
func billions(n float64) string { return strconv.FormatFloat(n/1e9, 'f', 1, 64) + "B" }
