package summary

import (
	"slices"

	"matrix/results/record"
)

// settle tells the attempts that count for the cell from the older ones. Those that a person accepted count as the plan
// counts them: where the identity has no result of its own.
func (c *Cell) settle(marks []record.Mark) {
	c.Identity = c.asked(marks)
	own := slices.ContainsFunc(c.past, func(a *Attempt) bool { return a.Identity.Hash == c.Identity && isResult(a) })
	for _, a := range c.past {
		if a.Identity.Hash == c.Identity || !own && accepted(a, marks, c.Identity) {
			c.Attempts = append(c.Attempts, a)
		} else {
			c.Older++
			c.void = append(c.void, Standing{a.Past, NotSuperseded})
		}
	}
	c.past = nil
}

// asked is the identity that the cell had when it was last measured, or when results were accepted for it since.
// A mark counts only where it came after the newest attempt ended, and blesses one of the attempts that there are.
func (c *Cell) asked(marks []record.Mark) string {
	identity := c.Identity
	for _, m := range marks {
		blesses := func(a *Attempt) bool { return m.Blesses(&a.Manifest, m.IdentityHash()) }
		if m.At.After(c.ended) && slices.ContainsFunc(c.past, blesses) {
			identity = m.IdentityHash()
		}
	}
	return identity
}

// accepted reports that a person's mark makes an attempt count for an identity.
func accepted(a *Attempt, marks []record.Mark, identity string) bool {
	return slices.ContainsFunc(marks, func(m record.Mark) bool { return m.Blesses(&a.Manifest, identity) })
}

// isResult reports that an attempt's end says something about the cell, and is not one to be tried again.
func isResult(a *Attempt) bool {
	return a.Status == record.Complete || a.Status == record.EngineFailed || a.Status == record.Censored
}
