// Heldout says how well finish times are predicted: from the batch sizes up to a fifth of each measured one it predicts
// when that one is done, and prints the errors and how often the 90% interval holds the truth.
//
//	go run ./bench/heldout RESULTS [EXPERIMENT…]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"

	"matrix/results/store"
	"matrix/results/summary"
)

func main() {
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: heldout RESULTS [EXPERIMENT…]")
		os.Exit(1)
	}
	if err := run(context.Background(), flag.Arg(0), flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, experiments []string) error {
	if _, err := os.Stat(root); err != nil {
		return err
	}
	store, err := store.Open(root)
	if err != nil {
		return err
	}
	set, err := summary.Load(ctx, store, root, experiments...)
	if err != nil {
		return err
	}
	held, err := set.HeldOut(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "cell\tlaunch\tfrom sizes\tT predicted s\t90% low\thigh\tT measured s\terror\tD predicted s\tmeasured\terror\t")
	for _, h := range held.All {
		fmt.Fprintf(table, "%s\t%d\t%v\t%.1f\t%.1f\t%.1f\t%.1f\t%+.1f%%\t%.1f\t%.1f\t%+.1f%%\t\n", h.Cell, h.Launch, h.From, h.Predicted.Seconds,
			h.Low, h.High, h.MeasuredS, 100*h.Error(), h.Predicted.RunS, h.MeasuredRunS, 100*(h.Predicted.RunS/h.MeasuredRunS-1))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(held.All) == 0 {
		fmt.Println("No batch size has one of a fifth of it measured beside it.")
		return nil
	}
	median, covered := held.Score()
	fmt.Printf("%d launches: median error %.1f%%, the 90%% interval holds %.0f%%\n", len(held.All), 100*median, 100*covered)
	return nil
}
