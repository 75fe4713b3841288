package recipe

import (
	"os/exec"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

var exampleCell = &cell.Cell{
	Experiment: "e", Platform: &cell.Platform{ID: "p", Backend: "vllm_serve"}, Model: &cell.Model{ID: "m"},
	Axes: []*cell.Axis{{Name: "note", Label: "two\nlines; rm -rf $HOME"}},
}

// run runs a script as a user would.
func run(t *testing.T, script string, env ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	cmd := exec.Command("sh", "-s")
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestWordsArriveAsTheyAre(t *testing.T) {
	words := []string{"", "plain", "two words", "it's", `"$HOME" $(id) \n`, "a\nb", "*", "~", "#no comment", "--flag=x y", "ä·→"}
	argv := []string{"printf", "[%s]\\n"}
	out, err := run(t, Script{Cell: exampleCell, Command: backends.Command{Argv: append(argv, words...), Dir: Scratch}}.String())
	if want := "[" + strings.Join(words, "]\n[") + "]\n"; err != nil || out != want {
		t.Errorf("got %q (%v), want %q", out, err, want)
	}
}

func TestEnvironmentIsDeclared(t *testing.T) {
	s := Script{Cell: exampleCell, Command: backends.Command{Argv: []string{"env"}, Env: map[string]string{"A": "it's", "HF_TOKEN": "hidden", "WITH_DIR": Scratch + "/x"}}}
	text := s.String()
	if strings.Contains(text, "hidden") {
		t.Error("a secret is written down")
	}
	if out, err := run(t, text); err == nil || !strings.Contains(out, "HF_TOKEN") {
		t.Errorf("without the secret it ran: %q", out)
	}
	out, err := run(t, text, "HF_TOKEN=mine", "VLLM_STRAY=1", "LC_ALL=C", "MULTI=a\nHOME=/nowhere")
	if err != nil {
		t.Fatal(err, out)
	}
	for _, want := range []string{"A=it's\n", "HF_TOKEN=mine\n", "LC_ALL=C\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	if strings.Contains(out, "VLLM_STRAY") || strings.Contains(out, "MULTI") || strings.Contains(out, Scratch) {
		t.Errorf("what was not declared passed: %q", out)
	}
}

// TestFilesAndTheEnd: files are there as they are, the exit code is the command's, and the folder is gone.
func TestFilesAndTheEnd(t *testing.T) {
	content := "MATRIX_END\n$HOME `id` \\\n  tab\there"
	s := Script{Cell: exampleCell, Command: backends.Command{Dir: Scratch, Files: map[string]string{"a file": content},
		Argv: []string{"sh", "-c", `cat "a file"; pwd; exit 7`}}}
	out, err := run(t, s.String())
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 7 {
		t.Fatalf("ended with %v: %s", err, out)
	}
	dir, found := strings.CutPrefix(out, content+"\n")
	if !found {
		t.Fatalf("the file came as %q", out)
	}
	if err := exec.Command("test", "-e", strings.TrimSpace(dir)).Run(); err == nil {
		t.Errorf("%s was left behind", dir)
	}
}

func TestArgumentsPass(t *testing.T) {
	s := Script{Cell: exampleCell, Command: backends.Command{Argv: []string{"printf", "[%s]", Args}}}
	cmd := exec.Command("sh", "-c", s.String(), "sh", "a b", "c")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "[a b][c]" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestPython(t *testing.T) {
	v := map[string]any{"b": nil, "a": []any{true, "it's \"x\"\n", 1.5}, "c": map[string]any{}, "d": map[string]any{"e": false}}
	want := "{\n    \"a\": [True, \"it's \\\"x\\\"\\n\", 1.5],\n    \"b\": None,\n    \"c\": {},\n    \"d\": {\n        \"e\": False,\n    },\n}"
	if got := Python(v, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
