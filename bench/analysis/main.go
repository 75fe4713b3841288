// Command analysis measures how fast a large results tree is summarised: 1,000 attempts with 10 million requests.
//
//	go run ./bench/analysis                       # writes the tree (minutes), then measures each phase in its own process
//	go run ./bench/analysis -dir /tmp/large       # keeps the tree for the next time
//
// It owns the generated tree, and nothing that is measured. Its rows are made up and marked as simulated.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/summary"
)

func main() {
	log.SetFlags(0)
	attempts := flag.Int("attempts", 1000, "attempts in the tree")
	rows := flag.Int("rows", 10_000, "requests of an attempt")
	dir := flag.String("dir", "", "folder for what is generated, kept for the next time (default: a temporary one)")
	phase := flag.String("phase", "", "measure this alone, in this process: load, compare, distributions")
	flag.Parse()
	if *phase != "" {
		if err := measure(*phase, *dir); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := bench(*dir, *attempts, *rows); err != nil {
		log.Fatal(err)
	}
}

func bench(dir string, attempts, rows int) error {
	if dir == "" {
		temp, err := os.MkdirTemp("", "bench-analysis-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	root := filepath.Join(dir, fmt.Sprintf("tree-%d-%d", attempts, rows))
	began := time.Now()
	if err := writeTree(root, attempts, rows); err != nil {
		return fmt.Errorf("write the tree: %w", err)
	}
	fmt.Printf("%d attempts, %d requests, there after %.1f s\n", attempts, attempts*rows, time.Since(began).Seconds())
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, phase := range []string{"load", "compare", "distributions"} {
		if err := report(phase, exec.Command(self, "-phase", phase, "-dir", root)); err != nil {
			return err
		}
	}
	return reportPage(root)
}

// reportPage measures `matrix report` on the tree, as a user would run it.
func reportPage(root string) error {
	dir, err := os.MkdirTemp("", "bench-analysis-report-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	matrix := filepath.Join(dir, "matrix")
	if out, err := exec.Command("go", "build", "-o", matrix, "./cmd/matrix").CombinedOutput(); err != nil {
		return fmt.Errorf("build matrix: %w\n%s", err, out)
	}
	return report("matrix report", exec.Command(matrix, "--json", "report", "large", "--results", root, "--out", dir))
}

// report runs a command and prints what it took.
func report(what string, cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Printf("%-14s wall %.2f s   processor %.2f s   memory %d MiB\n", what, time.Since(began).Seconds(),
		(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), usage.Maxrss>>10)
	return nil
}

// measure does one phase; each includes the load, as a user's command would.
func measure(phase, root string) error {
	store, err := store.Open(root)
	if err != nil {
		return err
	}
	ctx := context.Background()
	set, err := summary.Load(ctx, store, root)
	if err != nil {
		return err
	}
	switch phase {
	case "compare":
		return compare(set)
	case "distributions":
		found, err := set.Distributions(ctx, set.Cells, "ttft_s", "tpot_s", "e2e_s")
		if err != nil {
			return err
		}
		var n int64
		for _, columns := range found {
			n += columns["e2e_s"].N
		}
		fmt.Printf("  %d ok requests in %d cells\n", n, len(found))
	}
	return nil
}

// compare estimates every metric of every cell and the ratio of each two neighbours.
func compare(set *summary.Set) error {
	n := 0
	for i, c := range set.Cells {
		for _, m := range record.Metrics() {
			if set.Estimate(c, m.Name).Known() && i > 0 && set.Ratio(set.Cells[i-1], c, m.Name).Known() {
				n++
			}
		}
	}
	fmt.Printf("  %d ratios\n", n)
	return nil
}
