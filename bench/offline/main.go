// Offline compares a batch through matrix's vllm_offline backend with LLM.generate called by hand, in one engine
// process: launches of vLLM differ by far more than what is looked for.
//
//	go run ./bench/offline --python PYTHON --model DIR [--requests 1000] [--pairs 6] [--arg name=value]… [--env NAME=VALUE]…
//
// The order is ABBA: through us, by hand, by hand, through us, and so on. The first of each is a warm-up and counts for nothing.
// Through us is timed from GenerateAll to its last answer, decoded, in this process; by hand around the call, in Python.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"matrix/backends/process"
)

// settings are the command's flags.
type settings struct {
	python, model string
	requests      int
	words, tokens int
	pairs         int
	args, env     pairsFlag
	json          bool
}

// pairsFlag collects name=value.
type pairsFlag map[string]string

func (p pairsFlag) String() string { return "" }

func (p pairsFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q is no name=value", s)
	}
	p[name] = value
	return nil
}

func main() {
	process.MainIfAsked() // the engine's guard is this program again
	s := settings{args: pairsFlag{}, env: pairsFlag{}}
	flag.StringVar(&s.python, "python", "", "interpreter with vLLM")
	flag.StringVar(&s.model, "model", "", "model folder")
	flag.IntVar(&s.requests, "requests", 1000, "requests a batch")
	flag.IntVar(&s.words, "words", 150, "words a prompt")
	flag.IntVar(&s.tokens, "tokens", 128, "output tokens a request")
	flag.IntVar(&s.pairs, "pairs", 6, "pairs that count")
	flag.Var(s.args, "arg", "engine argument, name=value (repeatable)")
	flag.Var(s.env, "env", "variable of the engine, NAME=VALUE (repeatable)")
	flag.BoolVar(&s.json, "json", false, "print JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/offline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.python == "" || s.model == "" || s.pairs < 2 {
		return fmt.Errorf("--python and --model are needed, and two pairs at least")
	}
	b, err := launch(ctx, s)
	if err != nil {
		return err
	}
	defer b.close()
	var us, hand []sample
	for pair := range s.pairs + 1 {
		first, second, err := b.pair(ctx, pair%2 == 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "pair %d of %d: through us %.1f tok/s, by hand %.1f tok/s\n", pair, s.pairs, first.rate(), second.rate())
		if pair > 0 {
			us, hand = append(us, first), append(hand, second)
		}
	}
	c := compare(us, hand)
	if s.json {
		return json.NewEncoder(os.Stdout).Encode(c)
	}
	c.print(os.Stdout)
	return nil
}
