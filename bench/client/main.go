//go:build linux

// Command client measures what matrix's own client costs, beside the least that is possible and beside other clients:
//
//	go run ./bench/client                  # installs the peers, prints the table, about five minutes
//	go run ./bench/client -without guidellm,aiperf -json costs.json
//	go run ./bench/client -grid -peers=false
//
// A mock server (runner/calibrate/mock) runs on cores of its own, each client on one other core. The floor is one thread
// that reads and discards. Runs alternate floor, ours, ours, floor … and a figure is the median with the least and the
// most. On a machine that has other work, put `chrt -r 5` before it, or the delays are that work's. It is all loopback, which flatters every client: a network adds its own delay and takes coalescing with it.
// It owns the scenarios and the table, and nothing that is measured.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"matrix/backends/fake"
	"matrix/backends/fake/stamped"
	"matrix/runner/calibrate"
)

func main() {
	fake.MainIfAsked()
	log.SetFlags(0)
	if len(os.Args) == 5 && os.Args[1] == roleMarker {
		if err := play(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			log.Fatal(err)
		}
		return
	}
	var b bench
	runs := flag.Int("runs", 6, "runs of the floor and of ours in each scenario")
	all := flag.Bool("grid", false, "streams {1, 64, 512, 2000} × gap {0, 5, 20 ms} × closed and open, instead of the usual scenarios")
	peers := flag.Bool("peers", true, "measure aiohttp, guidellm and aiperf as well")
	without := flag.String("without", "", "peers to leave out, with commas")
	only := flag.String("only", "", "scenarios whose name contains this")
	file := flag.String("json", "", "file for the runs as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	scenarios := usual()
	if *all {
		scenarios = grid()
	}
	b.runs = *runs
	if *peers {
		b.peers = wanted(*without)
		b.install(ctx)
	}
	ok, err := b.measure(ctx, scenarios, *only)
	if err == nil && *file != "" {
		err = b.save(*file)
	}
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		os.Exit(1)
	}
}

const roleMarker = "client-role"

// play is one run of a client in this process.
func play(role, url, scenario string) error {
	var s calibrate.Scenario
	if err := json.Unmarshal([]byte(scenario), &s); err != nil {
		return fmt.Errorf("read the scenario: %w", err)
	}
	drive := calibrate.Drive
	if role == "floor" {
		drive = driveFloor
	}
	c, err := drive(context.Background(), url, s)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

// bench is one call of this program.
type bench struct {
	runs  int
	peers []peer
	url   string
	rows  []row
}

// measure prints the table as it grows and reports whether every row has its figures.
func (b *bench) measure(ctx context.Context, scenarios []named, only string) (ok bool, err error) {
	server, client := cores()
	p, err := stamped.Start(ctx, "taskset", "-c", server)
	if err != nil {
		return false, err
	}
	defer p.Close()
	b.url = p.URL
	fmt.Println(preface(server, client))
	ok = true
	for _, s := range scenarios {
		if !strings.Contains(s.Name, only) {
			continue
		}
		rows, err := b.scenario(ctx, s, client)
		if err != nil {
			return false, err
		}
		b.rows = append(b.rows, rows...)
		fmt.Print(renderTable(s, rows))
		for _, r := range rows {
			ok = ok && r.Missing == ""
		}
	}
	return ok, nil
}

// cores are those of the server and the one of the client, as taskset takes them.
func cores() (server, client string) {
	n := runtime.NumCPU()
	if n == 1 {
		return "0", "0"
	}
	return fmt.Sprintf("0-%d", n-2), fmt.Sprint(n - 1)
}

func (b *bench) save(path string) error {
	text, err := json.MarshalIndent(b.rows, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the runs: %w", err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
