package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matrix/experiments/textfile"
	"matrix/runner/plan"
)

// PlanFile tells whether the arguments mean a saved plan: none (the last one), or one file that is no HCL.
func (a *App) PlanFile(args []string) (string, bool) {
	if len(args) == 0 {
		args = []string{a.SavedPlan()}
	}
	if len(args) > 1 || strings.HasSuffix(args[0], ".hcl") || strings.HasSuffix(args[0], ".hcl.json") {
		return "", false
	}
	info, err := os.Stat(args[0])
	return args[0], err == nil && info.Mode().IsRegular()
}

// SavedPlan is where a plan lands without --out.
func (a *App) SavedPlan() string { return filepath.Join(a.Results, ".matrix", "plan") }

// Saved is the plan as it goes into a file, with the values that its variables have.
// Values stand in it, not the environment: a plan means the same tomorrow.
func (s *Session) Saved(plans []*plan.Plan) *plan.Saved {
	vars := s.App.Vars
	vars.Values = s.Config.Variables
	return plan.NewSaved(s.Paths, s.Config.Files, vars, s.Filter, plans)
}

// Restored reads a plan file and goes on with its variables.
func (a *App) Restored(file string) (*plan.Saved, error) {
	saved, err := ReadPlan(file)
	if err != nil {
		return nil, err
	}
	if len(a.Vars.Vars)+len(a.Vars.VarFiles) > 0 {
		return nil, Hint(errors.New("a saved plan has the values of its variables: --var and --var-file would change what was looked at"),
			"Plan again with them: matrix plan "+strings.Join(saved.Paths, " "))
	}
	a.Vars = saved.Vars
	return saved, nil
}

// OtherwiseSet warns of variables that the environment sets to something else than the plan has.
func (s *Session) OtherwiseSet(environ []string) {
	for _, v := range s.Config.Declared() {
		for _, e := range environ {
			if text, ok := strings.CutPrefix(e, "MATRIX_VAR_"+v.Name+"="); ok && v.Text != "" && v.Text != text {
				s.App.Warn(fmt.Sprintf("MATRIX_VAR_%s is %q, and the saved plan has %q: the plan's holds. To take the new one: matrix plan %s",
					v.Name, text, v.Text, strings.Join(s.Paths, " ")))
			}
		}
	}
}

// Save writes the plan file and returns its path.
// "" is the usual place. 0600, for values of variables may be secrets.
func (s *Session) Save(plans []*plan.Plan, out string) (string, error) {
	saved := s.Saved(plans)
	path, write := out, WriteNamed
	if path == "" {
		path, write = s.App.SavedPlan(), ReplaceFile
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", NotWritable(fmt.Errorf("save the plan: %w", err))
	}
	if err := write(path, 0o600, saved.Write); err != nil {
		return "", NotWritable(fmt.Errorf("save the plan: %w", err))
	}
	return path, nil
}

// ReadPlan reads a plan file.
// An older or damaged plan is an error that says to plan again.
func ReadPlan(file string) (*plan.Saved, error) {
	content, err := textfile.Open(file)
	if err != nil {
		return nil, err
	}
	defer content.Close() // read-only
	saved, err := plan.ReadSaved(content)
	if err != nil {
		return nil, Hint(fmt.Errorf("read the plan %s: %w", file, err), "Plan again: matrix plan FILE…")
	}
	return saved, nil
}

// Planned loads files, or those of a saved plan (the last one where nothing is named), and plans every cell of them as
// things stand now. usage is what to type, for who has no plan.
// Of a saved plan's filter only what changes the plan is kept, not what it left out: any cell may be asked about.
func (a *App) Planned(ctx context.Context, args []string, usage string, only ...string) (*Session, []*plan.Plan, error) {
	var filter plan.Filter
	if file, ok := a.PlanFile(args); ok {
		saved, err := a.Restored(file)
		if err != nil {
			return nil, nil, err
		}
		args = saved.Paths
		filter = saved.Asked()
	}
	if len(args) == 0 {
		return nil, nil, Hint(errors.New("there is no saved plan"), "Name the files: "+usage+" FILE…")
	}
	filter.Only, filter.Except = slices.Clone(only), nil
	return a.LoadPlanned(ctx, args, filter)
}
