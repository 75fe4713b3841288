// Hand compares work through matrix with the same work by hand on one launched vLLM: launches differ by far more than
// what is looked for.
//
//	go run ./bench/hand --python PYTHON --model DIR [--served 512] [--requests 500] [--pairs 12] [--for 8m] [--arg name=value]… [--env NAME=VALUE]…
//
// Offline, "by hand" is LLM.generate; with --served N it is the request function of `vllm bench serve` (the one that the
// interpreter has) with N in flight, on the server that both ask. The order is ABBA. The first batch of each is a warm-up;
// no pair after it is dropped. Beside each batch stand the clocks and the power of the GPU (the host's load where there is
// none) and the client's CPU time. Through us is timed from the first request handed over to the last answer decoded.
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
	"time"

	"matrix/backends/process"
)

// settings are the command's flags.
type settings struct {
	python, model string
	requests      int
	words, tokens int
	pairs, served int
	budget        time.Duration
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

// rivals are the two ways to have one batch done.
type rivals interface {
	us(context.Context) (sample, error)
	hand(context.Context) (sample, error)
	close()
}

func main() {
	process.MainIfAsked() // the engine's guard is this program again
	s := settings{args: pairsFlag{}, env: pairsFlag{}}
	flag.StringVar(&s.python, "python", "", "interpreter with vLLM")
	flag.StringVar(&s.model, "model", "", "model folder")
	flag.IntVar(&s.served, "served", 0, "requests in flight at one vllm server; 0 = offline")
	flag.IntVar(&s.requests, "requests", 500, "requests a batch")
	flag.IntVar(&s.words, "words", 150, "words a prompt")
	flag.IntVar(&s.tokens, "tokens", 128, "output tokens a request")
	flag.IntVar(&s.pairs, "pairs", 12, "pairs that count")
	flag.DurationVar(&s.budget, "for", time.Hour, "begin no pair after so long since the engine was ready")
	flag.Var(s.args, "arg", "engine argument, name=value (repeatable)")
	flag.Var(s.env, "env", "variable of the engine, NAME=VALUE (repeatable)")
	flag.BoolVar(&s.json, "json", false, "print JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/hand:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.python == "" || s.model == "" || s.pairs < 2 {
		return fmt.Errorf("--python and --model are needed, and two pairs at least")
	}
	r, err := launch(ctx, s)
	if err != nil {
		return err
	}
	defer r.close()
	c, err := pairs(ctx, r, s)
	if err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(os.Stdout).Encode(c)
	}
	c.print(os.Stdout)
	return nil
}

func launch(ctx context.Context, s settings) (rivals, error) {
	if s.served > 0 {
		return launchServer(ctx, s)
	}
	return launchOffline(ctx, s)
}

// pairs asks for the batch both ways, again and again, and compares.
func pairs(ctx context.Context, r rivals, s settings) (comparison, error) {
	var us, hand []sample
	began := time.Now()
	for pair := 0; pair <= s.pairs && (len(us) < 2 || time.Since(began) < s.budget); pair++ {
		ways := []struct {
			batch func(context.Context) (sample, error)
			into  *[]sample
		}{{r.us, &us}, {r.hand, &hand}}
		if pair%2 == 1 { // offline, by hand learns the prompts from the batch through us before: that way begins
			ways[0], ways[1] = ways[1], ways[0]
		}
		for _, w := range ways {
			one, err := watched(ctx, w.batch)
			if err != nil {
				return comparison{}, err
			}
			if pair > 0 {
				*w.into = append(*w.into, one)
				fmt.Fprintf(os.Stderr, "pair %d of %d: %s\n", pair, s.pairs, one)
			}
		}
	}
	return compare(us, hand), nil
}
