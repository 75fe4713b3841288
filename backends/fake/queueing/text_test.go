package queueing

import (
	"strings"
	"testing"
)

func TestAnswerIsAFunctionOfThePrompt(t *testing.T) {
	a := asked{maxTokens: 100}
	one, again, other := answerTo(hashOf("a b"), a), answerTo(hashOf("a b"), a), answerTo(hashOf("a c"), a)
	if one != again || one.text(0, one.tokens) != again.text(0, again.tokens) {
		t.Error("the same prompt gave two answers")
	}
	if one.seed == other.seed || one.text(0, 8) == other.text(0, 8) {
		t.Error("two prompts gave one answer")
	}
	hot := a
	hot.temperature, hot.seed = 1, 7
	if answerTo(hashOf("a b"), hot).seed == one.seed {
		t.Error("a seed changes nothing at temperature 1")
	}
}

func TestAnswerLength(t *testing.T) {
	lengths := map[int64]int{}
	for i := range 2000 {
		prompt := hashOf("prompt", strings.Repeat("x", i))
		free := answerTo(prompt, asked{maxTokens: 1000})
		if free.reason != "stop" || free.tokens < 8 || free.tokens > 519 {
			t.Fatalf("unbounded: %+v", free)
		}
		lengths[free.tokens]++
		if got := answerTo(prompt, asked{maxTokens: 5}); got.tokens != 5 || got.reason != "length" {
			t.Fatalf("capped: %+v", got)
		}
		if got := answerTo(prompt, asked{maxTokens: 1000, ignoreEOS: true}); got.tokens != 1000 || got.reason != "length" {
			t.Fatalf("ignore_eos: %+v", got)
		}
		if got := answerTo(prompt, asked{maxTokens: 1000, minTokens: 700}); got.tokens != 700 {
			t.Fatalf("min_tokens: %+v", got)
		}
		if text := free.text(0, free.tokens); words(text) != free.tokens {
			t.Fatalf("%d words for %d tokens", words(text), free.tokens)
		}
	}
	if len(lengths) < 300 {
		t.Errorf("2,000 prompts have only %d lengths", len(lengths))
	}
}

func TestTextInPieces(t *testing.T) {
	a := answerTo(hashOf("x"), asked{maxTokens: 40, ignoreEOS: true})
	if whole, pieces := a.text(0, 40), a.text(0, 1)+a.text(1, 17)+a.text(17, 40); whole != pieces {
		t.Errorf("pieces join to %q, not to %q", pieces, whole)
	}
}

func TestStopStrings(t *testing.T) {
	plain := answerTo(hashOf("x"), asked{maxTokens: 40, ignoreEOS: true})
	tenth := strings.Fields(plain.text(0, 40))[10]
	got := answerTo(hashOf("x"), asked{maxTokens: 40, ignoreEOS: true, stop: []string{"never said", tenth}})
	text := got.text(0, got.tokens)
	if got.tokens > 10 || got.reason != "stop" || strings.Contains(text, tenth) || !strings.HasPrefix(plain.text(0, 40), text) {
		t.Errorf("stopped before %q: %+v %q", tenth, got, text)
	}
	if none := answerTo(hashOf("x"), asked{maxTokens: 40, ignoreEOS: true, stop: []string{"never said", ""}}); none != plain {
		t.Errorf("stop strings that never come changed the answer: %+v", none)
	}
}

func TestShare(t *testing.T) {
	errors, both := 0, 0
	for i := range 10000 {
		prompt := hashOf("p", strings.Repeat("y", i%100), strings.Repeat("z", i/100))
		if share(prompt, 0.1, "error") {
			errors++
			if share(prompt, 0.1, "stall") {
				both++
			}
		}
		if share(prompt, 0, "error") || !share(prompt, 1, "error") {
			t.Fatal("a share of 0 or 1 is not none or all")
		}
	}
	if errors < 800 || errors > 1200 || both > 200 {
		t.Errorf("%d of 10,000 at 0.1, %d of them stall too", errors, both)
	}
}
