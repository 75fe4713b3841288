package process

import (
	"os/exec"
	"testing"
)

// TestQuoteArrivesInAShell asks a shell what it makes of quoted words.
func TestQuoteArrivesInAShell(t *testing.T) {
	for _, word := range []string{"plain", "--a=b:/c,d", "two words", "it's", "$HOME `id` \"x\" \\", "", "*", "a\nb", "Ä"} {
		out, err := exec.Command("sh", "-c", "printf %s "+Quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q arrives as %q (%v)", word, out, err)
		}
	}
	if got := Quote("--port=8000"); got != "--port=8000" {
		t.Errorf("a word that a shell takes as it is became %s", got)
	}
}
