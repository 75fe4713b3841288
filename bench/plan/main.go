// Command plan measures `matrix plan` as a user meets it: wall time, time to the first line, processor time and
// memory, for many cells and for a long history.
//
//	go run ./bench/plan                  # 100,000 cells; then 1,000 cells against 100,000 past attempts
//	go run ./bench/plan -cells 1000000 -past 0
//
// It owns the generated experiments and trees, and nothing that is measured.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	cells := flag.Int("cells", 100_000, "cells of the large experiment (in steps of 10,000; 0: leave it out)")
	past := flag.Int("past", 100_000, "attempts in the history of a 1,000-cell experiment (0: leave it out)")
	runs := flag.Int("runs", 3, "how often each is measured")
	keep := flag.String("dir", "", "folder for what is generated, kept for the next time (default: a temporary one)")
	flag.Parse()
	dir := *keep
	if dir == "" {
		temp, err := os.MkdirTemp("", "bench-plan-")
		if err != nil {
			log.Fatal(err)
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	if err := measure(dir, *cells, *past, *runs); err != nil {
		log.Print(err)
	}
}

func measure(dir string, cells, past, runs int) error {
	binary := filepath.Join(dir, "matrix")
	build := exec.Command("go", "build", "-o", binary, "matrix/cmd/matrix")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build matrix: %w", err)
	}
	if cells > 0 {
		file, err := writeLarge(dir, cells/10_000)
		if err != nil {
			return err
		}
		report(fmt.Sprintf("%d cells", cells), runs, binary, file, filepath.Join(dir, "large-results"))
	}
	if past > 0 {
		file, results, err := writeHistory(dir, past)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(results, ".matrix", "index")); err != nil {
			return err
		}
		report(fmt.Sprintf("1,000 cells, %d past attempts, no index yet", past), 1, binary, file, results)
		report(fmt.Sprintf("1,000 cells, %d past attempts", past), runs, binary, file, results)
	}
	return nil
}

// report measures one plan several times, as text and as records, and prints each.
func report(what string, runs int, binary, file, results string) {
	fmt.Println(what)
	for range runs {
		for _, how := range []string{"text", "json"} {
			args := []string{"plan", "--results", results, file}
			if how == "json" {
				args = append(args, "--json")
			}
			cmd := exec.Command(binary, args...)
			t, err := run(cmd)
			if err != nil {
				fmt.Println("  ", err)
				return
			}
			usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			fmt.Printf("  %s: wall %.2f s   first output %.3f s   processor %.2f s   memory %d MiB\n", how, t.whole.Seconds(), t.line.Seconds(),
				(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), usage.Maxrss>>10)
		}
	}
}

// taken is how long a command took to its first line and to its end.
type taken struct{ line, whole time.Duration }

func run(cmd *exec.Cmd) (taken, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return taken{}, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return taken{}, err
	}
	var t taken
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		_, err := lines.ReadSlice('\n')
		if t.line == 0 {
			t.line = time.Since(began)
		}
		if err != nil && err != bufio.ErrBufferFull {
			break
		}
	}
	err = cmd.Wait()
	t.whole = time.Since(began)
	return t, err
}
