package tree

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/store"
)

// Verify is the command.
// It is the only one that reads all bytes; others trust sizes until they read a file.
func Verify(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Read every file of the results against its checksum",
		Long: "Read every file of the results against the checksum that was written with it. Exit 1 when something is found.",
		Args: app.NoArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			return verify(cmd.Context(), a)
		},
	}
}

// repairs say what to do about a problem.
// Nothing is repaired here: a checksum says that, and not what is wrong.
var repairs = map[string]string{
	store.ResultMissing: "bring the folder back from a copy, or let matrix apply measure the launch again",
	store.ResultCorrupt: "bring the folder back from a copy, or let matrix apply measure the launch again; then look at the disk",
	store.Unverified:    "use the matrix that wrote it, or a newer one",
}

// verify reads all files, without the lock: a committed folder never changes.
func verify(ctx context.Context, a *app.App) error {
	if err := a.ResultsThere(); err != nil {
		return err
	}
	store, err := a.Store()
	if err != nil {
		return err
	}
	all, err := store.History(ctx, "")
	if err != nil {
		return err
	}
	// what the manifests list, found or not
	files, bytes := 0, int64(0)
	for _, p := range all {
		for _, f := range p.Files {
			files++
			bytes += f.Bytes
		}
	}
	// after History, so that a tree that cannot be read is said before minutes of reading
	bad, err := store.Verify(ctx)
	if err != nil {
		return err
	}
	for _, p := range bad {
		sayProblem(a, p)
	}
	// how much was read is said: an empty tree is no good news
	text := fmt.Sprintf("%s %s, %s, %s bytes: all as they were written.", a.Style.Good("Verified:"), format.Count(len(all), "attempt"), format.Count(files, "file"), format.Whole(bytes))
	if len(bad) > 0 {
		text = fmt.Sprintf("%s of %s not as written.", format.Count(len(bad), "attempt"), format.Whole(len(all)))
	}
	a.Tell(ndjson.VerifySummary{Attempts: len(all), Files: files, Bytes: bytes, Problems: len(bad)}, "%s", text)
	if len(bad) > 0 {
		return app.ExitCode(app.CodeError)
	}
	return nil
}

// sayProblem has what to do about it on a line of its own.
func sayProblem(a *app.App, p store.Past) {
	a.Tell(ndjson.Problem{Experiment: p.Experiment, Slug: p.Slug, Attempt: p.Attempt, Dir: p.Dir, Problem: p.Problem, Detail: p.Detail, Advice: repairs[p.Problem]},
		"%s %s: %s\n    launch %s\n    %s", a.Style.Bad(p.Problem), p.Dir, p.Detail, launchText(p), repairs[p.Problem])
}

// launchText names the launch, where a manifest that can be read still does.
func launchText(p store.Past) string {
	if p.Name == "" {
		return "unknown, of " + p.Experiment + "/" + p.Slug
	}
	return fmt.Sprintf("%d of %s", p.Launch, p.Name)
}
