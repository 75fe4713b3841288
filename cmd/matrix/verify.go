package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"matrix/results"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Read every file of the results against its checksum",
		Long: "Read every file of the results against the checksum that was written with it. Exit 1 when something is found.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			return a.verify(cmd.Context())
		},
	}
}

// repairs say what to do about a problem.
var repairs = map[string]string{
	results.ResultMissing: "bring the folder back from a copy, or let matrix apply measure the launch again",
	results.ResultCorrupt: "bring the folder back from a copy, or let matrix apply measure the launch again; then look at the disk",
	results.Unverified:    "use the matrix that wrote it, or a newer one",
}

// resultsThere refuses a folder of results that does not exist.
func (a *app) resultsThere() error {
	if _, err := os.Stat(a.results); errors.Is(err, fs.ErrNotExist) {
		return hinted{fmt.Errorf("there are no results in %s", a.results), "Name the folder: --results DIR."}
	}
	return nil
}

func (a *app) verify(ctx context.Context) error {
	if err := a.resultsThere(); err != nil {
		return err
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	all, err := store.History(ctx, "")
	if err != nil {
		return err
	}
	files, bytes := 0, int64(0)
	for _, p := range all {
		for _, f := range p.Files {
			files++
			bytes += f.Bytes
		}
	}
	bad, err := store.Verify(ctx)
	if err != nil {
		return err
	}
	for _, p := range bad {
		a.sayProblem(p)
	}
	if a.json {
		a.emit("verify_summary", map[string]any{"attempts": len(all), "files": files, "bytes": bytes, "problems": len(bad)})
	} else if len(bad) == 0 {
		fmt.Fprintf(a.stdout, "%s %s, %s, %s bytes: all as they were written.\n", a.style.good("Verified:"), count(len(all), "attempt"), count(files, "file"), thousands(bytes))
	} else {
		fmt.Fprintf(a.stdout, "%s of %s not as written.\n", count(len(bad), "attempt"), thousands(int64(len(all))))
	}
	if len(bad) > 0 {
		return exitCode(codeError)
	}
	return nil
}

func (a *app) sayProblem(p results.Past) {
	if a.json {
		a.emit("problem", map[string]any{"experiment": p.Experiment, "slug": p.Slug, "attempt": p.Attempt, "dir": p.Dir, "problem": p.Problem, "detail": p.Detail, "advice": repairs[p.Problem]})
		return
	}
	fmt.Fprintf(a.stdout, "%s %s: %s\n    %s\n    %s\n", a.style.err(p.Problem), p.Dir, p.Detail, "launch "+launchText(p), repairs[p.Problem])
}

// launchText names the launch, where a manifest that can be read still does.
func launchText(p results.Past) string {
	if p.Name == "" {
		return "unknown, of " + p.Experiment + "/" + p.Slug
	}
	return fmt.Sprintf("%d of %s", p.Launch, p.Name)
}
