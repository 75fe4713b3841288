package wire

import (
	"errors"
	"testing"
)

// TestOneBudgetForAllStreams: what one stream holds another cannot have, and what has ended gives its part back.
func TestOneBudgetForAllStreams(t *testing.T) {
	var one, other lines
	before := held.Load()
	if err := one.afford(maxHeldBytes/2 + 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := other.afford(maxHeldBytes / 2); !errors.Is(err, errTooMuch) {
		t.Errorf("two that need more than all have: %v", err)
	}
	if err := other.afford(keptLineBytes); err != nil {
		t.Errorf("a small one: %v", err)
	}
	one.drop()
	if err := other.afford(maxHeldBytes / 2); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	if other.drop(); held.Load() != before {
		t.Errorf("%d bytes are held by nobody", held.Load()-before)
	}
}
