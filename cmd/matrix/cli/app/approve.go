package app

import (
	"context"
	"fmt"
	"strings"
)

// Approve asks; anything but yes declines, which leaves undone what the user is told.
// nil = yes. ^C is ctx's error, anything else exit code 5.
func (a *App) Approve(ctx context.Context, question, undone string) error {
	fmt.Fprintf(a, "%s Only \"yes\" is taken: ", question)
	answers, _ := Lines(ctx, a.Stdin) // an error is no answer
	select {
	case <-ctx.Done():
		fmt.Fprintln(a)
		return ctx.Err()
	case answer, given := <-answers:
		if strings.TrimSpace(answer) == "yes" {
			return nil
		}
		if !given {
			fmt.Fprintf(a, "\nNobody is there to answer: --auto-approve goes on without asking.\n")
		}
	}
	fmt.Fprintf(a, "Declined: %s.\n", undone)
	return ExitCode(CodeDeclined)
}
