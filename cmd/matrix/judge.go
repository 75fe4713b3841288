package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments"
	"matrix/experiments/dataset"
	"matrix/results/quality"
	"matrix/results/summary"
)

type judgeFlags struct {
	url, model, keyEnv string
	limit, concurrent  int
	tokens             int
	timeout            time.Duration
}

func (a *app) judgeCommand() *cobra.Command {
	var f judgeFlags
	cmd := &cobra.Command{
		Use: "judge CELL_A CELL_B [FILE…]", Short: "Let a model compare the answers of two cells",
		Long: `A model behind any OpenAI-compatible endpoint says which of two answers to the same prompt is better. It is asked both
ways round; a verdict that turns with the order is a tie. Verdicts are kept in <results>/<experiment>/judgements/ and never
asked for twice: an interrupted run goes on.

` + selectorHelp + ` The prompts are those of FILE…, or of the last plan.`,
		Example: "  matrix judge vllm_serve/gemma3_4b/1000 ollama/gemma3_4b/1000 --url http://127.0.0.1:8000/v1 --model judge",
		Args:    twoCells,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.begin()
			return a.judge(cmd.Context(), f, args)
		},
	}
	cmd.Flags().StringVar(&f.url, "url", "", "base of the judge's API, with /v1")
	cmd.Flags().StringVar(&f.model, "model", "", "the judge's model")
	cmd.Flags().StringVar(&f.keyEnv, "api-key-env", "", "name of the environment variable that holds the API key")
	cmd.Flags().IntVar(&f.limit, "limit", 100, "prompts to judge at most; 0 = all")
	cmd.Flags().IntVar(&f.concurrent, "concurrency", 4, "questions in flight")
	cmd.Flags().IntVar(&f.tokens, "max-tokens", 256, "of the judge's reply")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "of one question")
	a.declareVars(cmd)
	return cmd
}

func twoCells(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return hinted{fmt.Errorf("%s takes two cells, not %d", cmd.CommandPath(), len(args)), "For example:" + cmd.Example[1:]}
	}
	return nil
}

func (a *app) judge(ctx context.Context, f judgeFlags, args []string) error {
	if f.url == "" || f.model == "" {
		return hinted{errors.New("a judge needs --url and --model"), "For instance: --url http://127.0.0.1:8000/v1 --model NAME."}
	}
	if u, err := url.Parse(f.url); err != nil || u.User != nil {
		return hinted{errors.New("--url is no address like http://127.0.0.1:8000/v1, or has a password in it"), "A key is given by --api-key-env NAME."}
	}
	key := ""
	if f.keyEnv != "" {
		if key = os.Getenv(f.keyEnv); key == "" {
			return hinted{fmt.Errorf("%s is not set", f.keyEnv), "--api-key-env names the variable that holds the key, not the key."}
		}
	}
	s, _, err := a.planned(ctx, args[2:], "matrix judge "+args[0]+" "+args[1])
	if err != nil {
		return err
	}
	defer s.close()
	first, second, err := a.twoCells(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	prompts, err := s.prompts(ctx, first.Experiment)
	if err != nil {
		return err
	}
	client := wire.New(wire.Options{Connections: f.concurrent, APIKey: key})
	defer client.Close()
	j := quality.Judge{Model: f.model, Ask: f.ask(client), Concurrent: f.concurrent, Limit: f.limit, Prompts: prompts, Observe: a.judged()}
	got, err := j.Compare(ctx, a.results, first, second)
	if err != nil {
		return err
	}
	a.sayJudgement(got)
	return nil
}

// ask sends one question as a chat of one message, without randomness.
func (f judgeFlags) ask(client *wire.Client) quality.Ask {
	return func(ctx context.Context, question string) (string, error) {
		req := backends.Request{Messages: []backends.Message{{Role: "user", Content: question}}, MaxTokens: f.tokens,
			Generate: &experiments.Generate{MaxTokens: f.tokens, TopP: 1}, Timeout: f.timeout, Retries: 3}
		body, protocol := wire.OpenAIBody(req, f.model, wire.OpenAI)
		reply := client.Do(ctx, wire.Call{URL: wire.Join(f.url, "/chat/completions"), Body: body, Protocol: protocol, Request: req})
		if reply.Status != backends.OK {
			return "", fmt.Errorf("%s: %s", reply.Status, reply.Error)
		}
		return reply.Text, nil
	}
}

// twoCells finds two cells among the results.
func (a *app) twoCells(ctx context.Context, words ...string) (first, second *summary.Cell, err error) {
	store, err := a.store()
	if err != nil {
		return nil, nil, err
	}
	set, err := summary.Load(ctx, store, a.results)
	if err != nil {
		return nil, nil, err
	}
	var cells []*summary.Cell
	for _, word := range words {
		found := pick(set.Cells, func(c *summary.Cell) named { return named{c.Experiment, c.Address, c.Slug, c.Name} }, word)
		if len(found) != 1 {
			return nil, nil, hinted{fmt.Errorf("%q names %s with results", word, count(len(found), "cell")), selectorHelp}
		}
		cells = append(cells, found[0])
	}
	if cells[0] == cells[1] {
		return nil, nil, errors.New("both words name " + cells[0].Name + ": there is nothing to compare")
	}
	return cells[0], cells[1], nil
}

// prompts looks up what an experiment's datasets say of a prompt, by its id.
func (s *session) prompts(ctx context.Context, experiment string) (func(string) (quality.Prompt, bool), error) {
	byID := map[string]quality.Prompt{}
	seen := map[*dataset.Set]bool{}
	for _, c := range s.cells[experiment] {
		if c.Dataset == nil {
			continue
		}
		set, err := s.sets.open(ctx, c.Dataset)
		if err != nil {
			return nil, explainFault(err)
		}
		if seen[set] {
			continue
		}
		seen[set] = true
		for i := range set.Len() {
			e, err := set.Entry(i)
			if err != nil {
				return nil, err
			}
			byID[e.ID] = quality.Prompt{Text: promptText(e), Reference: e.Reference}
		}
	}
	return func(id string) (quality.Prompt, bool) {
		p, ok := byID[id]
		return p, ok
	}, nil
}

func promptText(e dataset.Entry) string {
	var parts []string
	for _, m := range e.Messages {
		parts = append(parts, m.Content)
	}
	if len(parts) == 0 {
		return e.Prompt
	}
	return strings.Join(parts, "\n\n")
}

// judged tells how far the judge is, on a terminal.
func (a *app) judged() func(done, all int) {
	if !a.tty || a.json {
		return nil
	}
	return func(done, all int) {
		fmt.Fprintf(a.stderr, "\r%d of %d prompts judged", done, all)
		if done == all {
			fmt.Fprintln(a.stderr)
		}
	}
}

func (a *app) sayJudgement(j *quality.Judgement) {
	if a.json {
		f := map[string]any{"a": j.A, "b": j.B, "model": j.Model, "prompts": j.N, "wins_a": j.WinsA, "wins_b": j.WinsB, "ties": j.Ties, "turned": j.Turned,
			"unclear": j.Unclear, "alike": j.Alike, "file": j.File}
		if p := j.PreferredB; p != nil {
			f["preferred_b"], f["low95"], f["high95"] = p.Value, p.Low, p.High
		}
		a.emit("judgement", f)
		return
	}
	if j.Alike == j.N {
		fmt.Fprintf(a.stdout, "The two answers to each of %s are alike, word for word: %s was asked nothing, and nothing says that one is better.\n", count(j.N, "prompt"), j.Model)
		return
	}
	fmt.Fprintf(a.stdout, "%s judged %s:\n", j.Model, count(j.N, "prompt"))
	fmt.Fprintf(a.stdout, "  %-40s better on %d\n  %-40s better on %d\n", j.A, j.WinsA, j.B, j.WinsB)
	fmt.Fprintf(a.stdout, "  ties %d (%d of them alike, so not asked; %d turned with the order), no clear word %d\n", j.Ties, j.Alike, j.Turned, j.Unclear)
	if p := j.PreferredB; p != nil {
		fmt.Fprintf(a.stdout, "  %s is preferred on %.0f%% of the %d decided (95%%: %.0f%% to %.0f%%)\n", j.B, 100*p.Value, p.N, 100*p.Low, 100*p.High)
	} else {
		fmt.Fprintln(a.stdout, "  none was decided: nothing says that one is better")
	}
	if asked := j.N - j.Unclear; asked > 0 && 2*j.Turned > asked {
		fmt.Fprintln(a.stdout, a.style.warn("  This judge goes by the order of the answers more than by what they say: do not rely on it."))
	}
	fmt.Fprintf(a.stdout, "  verdicts: %s\n", j.File)
}
