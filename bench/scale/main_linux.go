// Command scale runs one simulated cell of few and one of many requests through a real matrix apply, and prints what
// the client took: peak resident memory, wall time, file sizes. No engine runs; no figure tells anything about one.
//
// With -schema every answer is held against a JSON Schema meanwhile, and the columns say what that adds: answers as long
// without one are measured first.
//
//	go run ./bench/scale [-few 5000] [-many 200000] [-mode batch] [-schema experiments/schemas/evaluation.json]
package main

import (
	"encoding/json"
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
	few, many := flag.Int("few", 5_000, "requests of the small cell"), flag.Int("many", 200_000, "requests of the large cell")
	mode := flag.String("mode", "batch", "batch (all in flight, as far as the server allows) or closed (256 in flight)")
	schema := flag.String("schema", "", "a JSON Schema: the large cell alone, without it and with it")
	flag.Parse()
	dir, err := os.MkdirTemp("", "matrix-scale-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "matrix")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/matrix").CombinedOutput(); err != nil {
		log.Panicf("build matrix: %v\n%s", err, out)
	}
	if *schema != "" {
		compareSchema(dir, bin, *mode, *schema, *many)
		return
	}
	fmt.Printf("%10s %8s %10s %12s %14s %10s\n", "requests", "mode", "wall s", "peak RSS MiB", "client CPU s", "B/row")
	var small int64
	for i, n := range []int{*few, *many} {
		u := measure(dir, bin, *mode, "max_tokens = 4", n)
		fmt.Printf("%10d %8s %10.1f %12.1f %14.1f %10.1f\n", n, *mode, u.wallS, float64(u.rssBytes)/(1<<20), u.cpuS, u.bytesPerRow)
		if i == 0 {
			small = u.rssBytes
		} else {
			fmt.Printf("growth: %.1f MiB (goal P5: 32)\n", float64(u.rssBytes-small)/(1<<20))
		}
	}
}

// compareSchema measures one cell twice: answers of as many tokens, free and held against a schema.
func compareSchema(dir, bin, mode, path string, n int) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Panic(err)
	}
	write(filepath.Join(dir, "schema.json"), string(text))
	const most = "max_tokens = 48"
	fmt.Printf("%10s %8s %8s %10s %12s %14s %12s\n", "requests", "mode", "schema", "wall s", "peak RSS MiB", "client CPU s", "valid")
	var free usage
	for _, held := range []bool{false, true} {
		generate := most
		if held {
			generate += "\n    json_schema = file(\"../schema.json\")"
		}
		u := measure(dir, bin, mode, generate, n)
		fmt.Printf("%10d %8s %8t %10.1f %12.1f %14.1f %12.0f\n", n, mode, held, u.wallS, float64(u.rssBytes)/(1<<20), u.cpuS, u.valid)
		if !held {
			free = u
			continue
		}
		// The check alone is results/validity's BenchmarkInvalid: JSON's quotes come escaped, and cost the stream's reader more too.
		fmt.Printf("answers in a form take %.0f µs more of the client's CPU each; memory differs by %.1f MiB\n", 1e6*(u.cpuS-free.cpuS)/float64(n), float64(u.rssBytes-free.rssBytes)/(1<<20))
	}
}

// usage is what one apply took.
type usage struct {
	wallS, cpuS, bytesPerRow, valid float64
	rssBytes                        int64
}

func measure(dir, bin, mode, generate string, n int) usage {
	load := "mode = \"batch\""
	if mode != "batch" {
		load = "concurrency = 256"
	}
	work, err := os.MkdirTemp(dir, fmt.Sprint(n, "-"))
	if err != nil {
		log.Panic(err)
	}
	write(filepath.Join(work, "prompts.jsonl"), "{\"prompt\": \"Judge the candidate\"}\n")
	write(filepath.Join(work, "scale.hcl"), fmt.Sprintf(experiment, n, generate, load))
	cmd := exec.Command(bin, "apply", "--auto-approve", "scale.hcl")
	cmd.Dir = work
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		log.Panicf("apply: %v\n%s", err, out)
	}
	u := usage{wallS: time.Since(began).Seconds()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.rssBytes = r.Maxrss << 10
	}
	u.cpuS = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	found, err := filepath.Glob(filepath.Join(work, "results", "*", "*", "*", "requests.parquet"))
	if err != nil || len(found) != 1 {
		log.Panicf("%d tables, %v", len(found), err)
	}
	info, err := os.Stat(found[0])
	if err != nil {
		log.Panic(err)
	}
	u.bytesPerRow = float64(info.Size()) / float64(n)
	var manifest struct{ Summary map[string]float64 }
	text, err := os.ReadFile(filepath.Join(filepath.Dir(found[0]), "manifest.json"))
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	if err != nil {
		log.Panic(err)
	}
	u.valid = manifest.Summary["valid_evaluations"]
	return u
}

func write(path, content string) {
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		log.Panic(err)
	}
}

const experiment = `
dataset "d" {
  path   = "prompts.jsonl"
  repeat = true
}
model "m" {
  openai = { model = "m" }
}
platform "sim" {
  backend = "simulator"
  options = { api = "vllm_serve", load_s = 0.01, slots = 4000, decode_tokens_per_s = 2000 }
}
experiment "scale" {
  dataset    = dataset.d
  platform   = platform.sim
  model      = model.m
  batch_size = %d
  generate {
    %s
  }
  load {
    %s
  }
  warmup {
    requests = 1
  }
}
`
