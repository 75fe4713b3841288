package plan

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/experiments/syntax"
	"matrix/experiments/textfile"
)

// Fmt is the command.
// It needs no whole declaration: a file with mistakes of meaning is formatted all the same.
func Fmt(a *app.App) *cobra.Command {
	var check, showDiff bool
	cmd := &cobra.Command{
		Use: "fmt [FILE|DIR…]", Short: "Rewrite files in the canonical format",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			files, err := hclFiles(args)
			if err != nil {
				return err
			}
			// all files are looked at: a check names every one
			differs := 0
			for _, file := range files {
				changed, err := rewrite(a, file, check || showDiff, showDiff)
				if err != nil {
					return err
				}
				if changed {
					differs++
				}
			}
			if check && differs > 0 {
				return app.ExitCode(app.CodeDiffers)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 3 when a file would change")
	cmd.Flags().BoolVar(&showDiff, "diff", false, "write nothing; show what would change")
	return cmd
}

// hclFiles lists the files that fmt works on; JSON has a format of its own.
// Folders are not searched below: others' files may lie there.
// Order is that of the arguments, then of names.
func hclFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", arg, err)
		case info.IsDir():
			found, err := textfile.Files(arg, ".hcl")
			if err != nil {
				return nil, fmt.Errorf("read folder: %w", err)
			}
			files = append(files, found...)
		case strings.HasSuffix(arg, ".hcl"):
			files = append(files, arg)
		default:
			return nil, app.Hint(fmt.Errorf("%s is no .hcl file", arg), "fmt formats HCL; give it a file that ends in .hcl, or a folder.")
		}
	}
	return files, nil
}

// rewrite formats one file, or only says that it would; changed tells whether it differs.
// A file that cannot be parsed is left as it is, and ends the command.
func rewrite(a *app.App, file string, dry, showDiff bool) (changed bool, err error) {
	content, err := textfile.Open(file)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", file, err)
	}
	defer content.Close() // read-only
	src, err := io.ReadAll(content)
	if err != nil {
		return false, err
	}
	out, diags := syntax.Format(src, file)
	if diags.HasErrors() {
		return false, a.Mistakes(map[string][]byte{file: src}, diags)
	}
	// not even its date changes
	if string(out) == string(src) {
		return false, nil
	}
	if showDiff {
		// as git shows it
		_, err = a.Page().Write(diff.Diff(file, src, file+" (formatted)", out))
	} else {
		_, err = fmt.Fprintln(a.Page(), file)
	}
	if err != nil || dry {
		return true, err
	}
	// its permissions stay
	info, err := os.Stat(file)
	if err != nil {
		return true, err
	}
	// whole, or the file stays as it was: it is the user's own
	return true, app.WriteNamed(file, info.Mode().Perm(), func(w io.Writer) error {
		_, err := w.Write(out)
		return err
	})
}
