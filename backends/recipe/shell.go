package recipe

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/experiments/cell"
)

// Scratch is the Dir of a Command that is meant for a script: paths under it become ones under a folder that the
// script makes and removes.
const Scratch = "/matrix-recipe-scratch"

// Script is a POSIX shell script that runs one command until it ends or the script is stopped.
type Script struct {
	Cell    *cell.Cell       // for the comment at the top; it may lack what only a plan fills in
	Notes   []string         // comment lines about engine, model, what is missing
	Command backends.Command // with Scratch as its Dir
	Before  string           // shell lines before the start
	After   string           // shell lines once it runs: $pid is its process
}

// String is the script's text.
// Secrets are not in it: it asks for them in the environment, and ends with a message where one is missing.
func (s Script) String() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, line := range append(about(s.Cell), s.Notes...) {
		b.WriteString(strings.TrimRight("# "+oneLine(line), " ") + "\n")
	}
	b.WriteString("set -eu\n")
	secrets := s.secrets()
	for _, name := range secrets {
		fmt.Fprintf(&b, ": \"${%s:?is declared by the platform; set it in the environment, since a script is no place for secrets}\"\n", name)
	}
	b.WriteString(s.Before)
	fmt.Fprintf(&b, frame, strings.Join(append(slices.Clone(process.Passed), secrets...), "|"))
	for _, name := range slices.Sorted(maps.Keys(s.Command.Files)) {
		b.WriteString(document(name, s.Command.Files[name]))
	}
	b.WriteString("cd \"$dir\"\n" + s.start() + "pid=$!\n" + s.After + "wait \"$pid\"\n")
	return b.String()
}

// frame clears the environment as matrix does for an engine, and sees to it that nothing outlives the script. A
// background process has no terminal to be interrupted from, so the script ends it.
const frame = `
# Of the caller's environment only this passes, as when matrix starts the engine.
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
  case $name in
    %s) ;;
    *) unset "$name" ;;
  esac
done

dir=$(mktemp -d)
pid=
finish() {
  code=$?
  trap - EXIT INT TERM HUP
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
  fi
  rm -rf "$dir"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

`

// start is the command with its environment, one flag a line. A word behind a flag stands on the flag's line.
func (s Script) start() string {
	var b strings.Builder
	b.WriteString("env")
	secrets := s.secrets()
	for _, name := range slices.Sorted(maps.Keys(s.Command.Env)) {
		if slices.Contains(secrets, name) {
			continue // it passes
		}
		b.WriteString(" \\\n  " + Word(name+"="+s.Command.Env[name]))
	}
	b.WriteString(" \\\n ")
	for i, word := range s.Command.Argv {
		if i > 0 && strings.HasPrefix(word, "--") {
			b.WriteString(" \\\n   ")
		}
		if word == Args {
			b.WriteString(` "$@"`)
			continue
		}
		b.WriteString(" " + Word(word))
	}
	b.WriteString(" &\n")
	return b.String()
}

// Args is the word of a Command that stands for the script's own arguments.
const Args = "\x00arguments"

// shellName is what a shell takes as a variable's name; others cannot be set by a script.
var shellName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secrets are the declared variables whose values are not written down, sorted.
func (s Script) secrets() []string {
	var names []string
	for name := range s.Command.Env {
		if cell.SecretName(name) && shellName.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Word quotes a word for the shell; what lies under Scratch is written with $dir.
// $dir stands in double quotes, so that a TMPDIR with a space in it does no harm.
func Word(word string) string {
	parts := strings.Split(word, Scratch)
	for i, part := range parts {
		if part != "" {
			parts[i] = process.Quote(part)
		}
	}
	if word == "" {
		return "''"
	}
	return strings.Join(parts, `"$dir"`)
}

// document writes a file as it is.
// The quotes around the end keep the shell from expanding anything within; the end is made longer until no line is it.
func document(name, content string) string {
	end := "MATRIX_END"
	for strings.Contains("\n"+content, "\n"+end+"\n") {
		end += "_"
	}
	return fmt.Sprintf("cat > \"$dir\"/%s <<'%s'\n%s\n%s\n", Word(name), end, strings.TrimSuffix(content, "\n"), end)
}

// about says which cell it is, with all settings that differ from the defaults.
// A cell that is not planned whole has no settings to show, only its names.
func about(c *cell.Cell) []string {
	lines := []string{c.Name()}
	if c.Experiment != "" {
		lines[0] += " of the experiment " + c.Experiment
	}
	if c.Address != "" {
		lines[0] += ", cell " + c.ID()
	}
	lines = append(lines, "Starts the engine as matrix would, without matrix. End it with ^C.", "", "Platform "+c.Platform.ID+" ("+c.Platform.Backend+"), model "+c.Model.ID)
	if c.Load == nil || c.Generate == nil || c.Warmup == nil || c.Isolation == nil || c.Limits == nil || c.Capture == nil || c.Telemetry == nil {
		return lines
	}
	id := cell.Identify(c, cell.Facts{})
	for _, a := range c.Attributes(id, "spec") {
		if cell.SecretName(a.Path) && strings.HasPrefix(a.Path, "env.") {
			a.Value = "(not written down)"
		}
		lines = append(lines, "  "+a.Path+" = "+a.Value)
	}
	return lines
}

// oneLine keeps a label or a value from ending its comment.
func oneLine(text string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(text) }
