package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"matrix/backends"
	"matrix/backends/llamacpp"
	"matrix/backends/ollama"
	"matrix/backends/openai"
	"matrix/backends/simulator"
	"matrix/backends/vllm"
	"matrix/experiments"
	"matrix/results"
)

// app is what every command shares: the streams, the global flags, the engines.
type app struct {
	interrupts     *interrupts
	stdin          io.Reader
	stdout, stderr io.Writer
	streams        []*output // that these are
	screen         *os.File  // stdout, when it is a terminal
	style          style
	tty            bool // stdout is a terminal
	width          int  // of the terminal, in columns
	encoder        *json.Encoder
	begun          bool  // the first NDJSON record is out
	unsaid         error // why a record could not be written

	json    bool
	noColor bool
	results string
	vars    experiments.LoadOptions
}

func newApp(i *interrupts, stdin io.Reader, stdout, stderr io.Writer) *app {
	out, errs := &output{w: stdout}, &output{w: stderr}
	a := &app{interrupts: i, stdin: stdin, stdout: out, stderr: errs, streams: []*output{out, errs}, width: 100, encoder: json.NewEncoder(out)}
	a.encoder.SetEscapeHTML(false)
	if f, ok := stdout.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		a.tty, a.screen = true, f
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			a.width = w
		}
	}
	return a
}

// engines is the one place that names every backend.
func (a *app) engines() map[string]backends.Backend {
	return map[string]backends.Backend{
		experiments.VLLMOffline: vllm.Offline(),
		experiments.VLLMServe:   vllm.Serve(),
		experiments.Ollama:      ollama.New(),
		llamacpp.Name:           llamacpp.New(),
		experiments.OpenAI:      openai.New(),
		experiments.OpenAIBatch: openai.NewBatch(),
		experiments.Simulator:   simulator.New(),
	}
}

// store opens the results; what is found wrong with them on the way is said once.
func (a *app) store() (*results.Store, error) { return a.storeAt(a.results) }

func (a *app) storeAt(root string) (*results.Store, error) {
	s, err := results.Open(root)
	if err == nil {
		s.Notice = a.warn
	}
	return s, err
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "matrix",
		Short:         "Compare LLM serving platforms by declarative experiments",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(cmd *cobra.Command, args []string) {
			a.style = newStyle(a.tty && !a.json, a.noColor)
			a.vars.Environ = os.Environ()
			for _, o := range a.streams {
				o.color = a.style.color
			}
			a.streams[0].faithful = a.json
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hinted{err, cmd.CommandPath() + " --help lists its flags."}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.results, "results", "results", "folder that the results land under")
	flags.BoolVar(&a.json, "json", false, "newline-delimited JSON on stdout, nothing else")
	flags.BoolVar(&a.noColor, "no-color", false, "plain ASCII without colour (also: NO_COLOR)")
	root.AddCommand(a.planCommand(), a.applyCommand(), a.showCommand(), a.statusCommand(), a.validateCommand(), a.fmtCommand(),
		a.fetchCommand(), a.doctorCommand(), a.versionCommand(), a.explainCommand(), a.consoleCommand(), a.graphCommand(),
		a.taintCommand(), a.acceptCommand(), a.verifyCommand(), a.recipeCommand(), a.compareCommand(), a.judgeCommand(), a.calibrateCommand(), a.importCommand(), a.exportCommand(), a.mergeCommand(), a.runCellsCommand(), a.tuneCommand())
	root.AddCommand(a.reportCommand())
	return root
}

const rootLong = `matrix runs one declarative experiment over vLLM offline, vllm serve and Ollama:

  matrix plan experiments/gemma3.hcl     the cells, what is pending and why, what cannot fit
  matrix apply                           runs the pending ones, each isolated, warmed up, resumable

Results are Parquet, one row per request, under results/<experiment>/.

Exit codes: 0 ok, 1 error, 2 pending (plan --detailed-exitcode; apply: launches wait for
what this machine lacks), 3 fmt --check differs,
4 some cells failed, 5 declined, 6 locked by another apply, 130 interrupted.`

// declareVars adds the flags by which a user sets an experiment's variables.
func (a *app) declareVars(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&a.vars.Vars, "var", nil, "set a variable: name=value (repeatable)")
	cmd.Flags().StringArrayVar(&a.vars.VarFiles, "var-file", nil, "read variables from a file (repeatable)")
}

// emit writes one NDJSON record; the version comes first, whatever it is that comes second.
func (a *app) emit(kind string, fields map[string]any) {
	a.begin()
	fields["type"] = kind
	err := a.encoder.Encode(fields)
	var odd *json.UnsupportedValueError
	if errors.As(err, &odd) { // JSON knows no infinity
		err = a.encoder.Encode(finite(fields))
	}
	if err != nil && a.unsaid == nil {
		a.unsaid = fmt.Errorf("write a record of type %q: %w", kind, err)
	}
}

// record writes a typed NDJSON record; its type is one of its fields.
func (a *app) record(r any) {
	a.begin()
	_ = a.encoder.Encode(r) // as above
}

// schemaVersion is the version of the NDJSON records.
const schemaVersion = 1

// begin writes the first NDJSON record.
func (a *app) begin() {
	if a.json && !a.begun {
		a.begun = true
		a.emit("version", map[string]any{"schema": schemaVersion, "matrix": version()})
	}
}

func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}
