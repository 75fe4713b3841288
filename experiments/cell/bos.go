package cell

import "strings"

// begins are the texts of begin-of-sequence tokens: Gemma; Llama 2 and Mistral; Llama 3; LFM; DeepSeek; Cohere; GLM.
var begins = []string{"<bos>", "<s>", "<|begin_of_text|>", "<|startoftext|>", "<｜begin▁of▁sentence｜>", "<BOS_TOKEN>", "[gMASK]<sop>"}

// CutBOS splits a prompt behind its own begin-of-sequence token, which templates written out in full bring; bos is ""
// where there is none. Engines add theirs to a raw prompt, and some then begin the sequence twice.
func CutBOS(prompt string) (bos, rest string) {
	for _, b := range begins {
		if rest, had := strings.CutPrefix(prompt, b); had {
			return b, rest
		}
	}
	return "", prompt
}

// StartsWithBOS reports whether a prompt brings its own begin-of-sequence token.
func StartsWithBOS(prompt string) bool {
	bos, _ := CutBOS(prompt)
	return bos != ""
}
