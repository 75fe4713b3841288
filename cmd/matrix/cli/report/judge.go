package report

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/results/quality"
	"matrix/results/summary"
)

// judgeFlags are what `matrix judge` was asked for.
type judgeFlags struct {
	url, model, keyEnv string        // keyEnv names a variable: a key on a command line is everybody's to read
	limit, concurrent  int           // prompts at most, 0 = all; questions in flight
	tokens             int           // of a reply at most
	timeout            time.Duration // of one question
}

// Judge is the command.
func Judge(a *app.App) *cobra.Command {
	var f judgeFlags
	cmd := &cobra.Command{
		Use: "judge CELL_A CELL_B [FILE…]", Short: "Let a model compare the answers of two cells",
		Long: `A model behind any OpenAI-compatible endpoint says which of two answers to the same prompt is better. It is asked both
ways round; a verdict that turns with the order is a tie. Verdicts are kept in <results>/<experiment>/judgements/ and never
asked for twice: an interrupted run goes on.

` + app.SelectorHelp + ` The prompts are those of FILE…, or of the last plan.`,
		Example: "  matrix judge vllm_serve/gemma3_4b/1000 ollama/gemma3_4b/1000 --url http://127.0.0.1:8000/v1 --model judge",
		Args:    twoCells,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			return judge(cmd.Context(), a, f, args)
		},
	}
	cmd.Flags().StringVar(&f.url, "url", "", "base of the judge's API, with /v1")
	cmd.Flags().StringVar(&f.model, "model", "", "the judge's model")
	cmd.Flags().StringVar(&f.keyEnv, "api-key-env", "", "name of the environment variable that holds the API key")
	cmd.Flags().IntVar(&f.limit, "limit", 100, "prompts to judge at most; 0 = all")
	cmd.Flags().IntVar(&f.concurrent, "concurrency", 4, "questions in flight")
	cmd.Flags().IntVar(&f.tokens, "max-tokens", 256, "of the judge's reply")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "of one question")
	// the files may need variables to load
	a.DeclareVars(cmd)
	return cmd
}

// twoCells wants the cells; files may follow them.
func twoCells(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return app.Hint(fmt.Errorf("%s takes two cells, not %d", cmd.CommandPath(), len(args)), "For example:"+cmd.Example[1:])
	}
	return nil
}

// judge loads the declaration for its prompts: results have hashes of them, not texts. A password in the URL is
// refused: it would stand in the list of processes.
func judge(ctx context.Context, a *app.App, f judgeFlags, args []string) error {
	if f.url == "" || f.model == "" {
		return app.Hint(errors.New("a judge needs --url and --model"), "For instance: --url http://127.0.0.1:8000/v1 --model NAME.")
	}
	if u, err := url.Parse(f.url); err != nil || u.User != nil {
		return app.Hint(errors.New("--url is no address like http://127.0.0.1:8000/v1, or has a password in it"), "A key is given by --api-key-env NAME.")
	}
	// a server on this machine mostly wants none
	key := ""
	if f.keyEnv != "" {
		if key = os.Getenv(f.keyEnv); key == "" {
			return app.Hint(fmt.Errorf("%s is not set", f.keyEnv), "--api-key-env names the variable that holds the key, not the key.")
		}
	}
	s, _, err := a.Planned(ctx, args[2:], "matrix judge "+args[0]+" "+args[1])
	if err != nil {
		return err
	}
	defer s.Close()
	// before a single question is paid for
	first, second, err := findCells(ctx, a, args[0], args[1])
	if err != nil {
		return err
	}
	prompts, err := s.Prompts(ctx, first.Experiment)
	if err != nil {
		return err
	}
	client := wire.New(wire.Options{Connections: f.concurrent, APIKey: key})
	// its connections
	defer client.Close()
	observe, stop := a.Counter("prompts judged", 0)
	j := quality.Judge{Model: f.model, Ask: f.ask(client), Concurrent: f.concurrent, Limit: f.limit, Prompts: prompts, Observe: observe}
	got, err := j.Compare(ctx, a.Results, first, second)
	stop()
	if err != nil {
		return err
	}
	sayJudgement(a, got)
	return nil
}

// ask sends one question as a chat of one message, without randomness.
// An error ends the run; what was judged before is kept, so that the next goes on.
func (f judgeFlags) ask(client *wire.Client) quality.Ask {
	return func(ctx context.Context, question string) (string, error) {
		req := backends.Request{Messages: []backends.Message{{Role: "user", Content: question}}, MaxTokens: f.tokens,
			Generate: &cell.Generate{MaxTokens: f.tokens, TopP: 1}, Timeout: f.timeout, Retries: 3}
		body, protocol := wire.OpenAIBody(req, f.model, wire.OpenAI)
		reply := client.Do(ctx, wire.Call{URL: wire.Join(f.url, "/chat/completions"), Body: body, Protocol: protocol, Request: req})
		if reply.Status != backends.OK {
			return "", fmt.Errorf("%s: %s", reply.Status, reply.Error)
		}
		return reply.Text, nil
	}
}

// findCells finds two cells among the results.
// Both must have results, and be two.
func findCells(ctx context.Context, a *app.App, words ...string) (first, second *summary.Cell, err error) {
	_, set, err := a.Summary(ctx)
	if err != nil {
		return nil, nil, err
	}
	var cells []*summary.Cell
	for _, word := range words {
		found := app.Pick(set.Cells, app.Measured, word)
		if len(found) != 1 {
			return nil, nil, app.Hint(fmt.Errorf("%q names %s with results", word, format.Count(len(found), "cell")), app.SelectorHelp)
		}
		cells = append(cells, found[0])
	}
	if cells[0] == cells[1] {
		return nil, nil, errors.New("both words name " + cells[0].Name + ": there is nothing to compare")
	}
	return cells[0], cells[1], nil
}

// sayJudgement tells ties and turned verdicts, too: a judge that is led by the order must not be believed.
func sayJudgement(a *app.App, j *quality.Judgement) {
	if a.JSON {
		r := ndjson.Judgement{A: j.A, B: j.B, Model: j.Model, Prompts: j.N, WinsA: j.WinsA, WinsB: j.WinsB, Ties: j.Ties, Turned: j.Turned, Unclear: j.Unclear, Alike: j.Alike, File: j.File}
		if p := j.PreferredB; p != nil {
			r.PreferredB, r.Low95, r.High95 = &p.Value, &p.Low, &p.High
		}
		a.Record(r)
		return
	}
	if j.Alike == j.N {
		a.Line("The two answers to each of %s are alike, word for word: %s was asked nothing, and nothing says that one is better.", format.Count(j.N, "prompt"), j.Model)
		return
	}
	a.Line("%s judged %s:", j.Model, format.Count(j.N, "prompt"))
	fmt.Fprintf(a, "  %-40s better on %d\n  %-40s better on %d\n", j.A, j.WinsA, j.B, j.WinsB)
	a.Line("  ties %d (%d of them alike, so not asked; %d turned with the order), no clear word %d", j.Ties, j.Alike, j.Turned, j.Unclear)
	if p := j.PreferredB; p != nil {
		a.Line("  %s is preferred on %s of the %d decided (95%%: %s to %s)", j.B, format.Percent(p.Value), p.N, format.Percent(p.Low), format.Percent(p.High))
	} else {
		fmt.Fprintln(a, "  none was decided: nothing says that one is better")
	}
	if asked := j.N - j.Unclear; asked > 0 && 2*j.Turned > asked {
		fmt.Fprintln(a, a.Style.Warn("  This judge goes by the order of the answers more than by what they say: do not rely on it."))
	}
	a.Line("  verdicts: %s", j.File)
}
