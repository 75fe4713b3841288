package launch

import (
	"testing"
	"testing/synctest"
)

// TestPrimingSideBySide: two launches that need the same code do not both compile it.
func TestPrimingSideBySide(t *testing.T) {
	p := NewPrimings(nil)
	synctest.Test(t, func(t *testing.T) {
		if !p.claim(t.Context(), "a") {
			t.Fatal("nobody primes")
		}
		second := make(chan bool)
		go func() { second <- p.claim(t.Context(), "a") }()
		synctest.Wait()
		if !p.claim(t.Context(), "b") {
			t.Error("another waits as well")
		}
		p.release("a", false)
		if !<-second {
			t.Error("after a failure the next one primes")
		}
		p.release("a", true)
		if p.claim(t.Context(), "a") {
			t.Error("primed twice")
		}
	})
}
