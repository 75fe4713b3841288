//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"matrix/backends/fake/stamped"
	"matrix/runner/calibrate"
)

func preface(server, client string) string {
	host, _ := os.Hostname() // a name for the reader only
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%s · %d cores · %s · load %s · mock on core %s, each client on core %s · loopback, which flatters every client\n"+
		"Medians, with the least and the most of all runs in brackets. CPU: of the client alone.",
		host, runtime.NumCPU(), time.Now().UTC().Format("2006-01-02 15:04 UTC"), strings.TrimSpace(string(load)), server, client)
}

func perCPUS(c calibrate.Cost) float64    { return c.EventsPerCPUS() }
func perEvent(c calibrate.Cost) float64   { return 1e6 * c.CPUPerEventS() }
func perRequest(c calibrate.Cost) float64 { return 1e6 * c.CPUPerRequestS() }
func rss(c calibrate.Cost) float64        { return float64(c.RSSBytes) / (1 << 20) }
func busy(c calibrate.Cost) float64       { return 100 * c.CPUS / c.WallS }

func values(all []calibrate.Cost, of func(calibrate.Cost) float64) []float64 {
	var v []float64
	for _, c := range all {
		v = append(v, of(c))
	}
	slices.Sort(v)
	return v
}

func median(all []calibrate.Cost, of func(calibrate.Cost) float64) float64 {
	v := values(all, of)
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// figure is a median with its range.
func figure(all []calibrate.Cost, of func(calibrate.Cost) float64, format string) string {
	v := values(all, of)
	switch len(v) {
	case 0:
		return "–"
	case 1:
		return fmt.Sprintf(format, v[0])
	}
	return fmt.Sprintf(format+" ["+format+"–"+format+"]", median(all, of), v[0], v[len(v)-1])
}

// delay is the median over the runs of a delay's p50 and p99, in ms.
func delay(all []calibrate.Cost, of func(calibrate.Cost) *calibrate.Delay) string {
	var with []calibrate.Cost
	for _, c := range all {
		if of(c) != nil {
			with = append(with, c)
		}
	}
	if len(with) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f / %.3f", 1e3*median(with, func(c calibrate.Cost) float64 { return of(c).P50S }), 1e3*median(with, func(c calibrate.Cost) float64 { return of(c).P99S }))
}

func atOnce(all []stamped.Counts) string {
	var most int64
	mean := 0.0
	for _, c := range all {
		most = max(most, c.MostAtOnce)
		mean += c.MeanAtOnce / float64(len(all))
	}
	return fmt.Sprintf("%d / %.1f", most, mean)
}

// renderTable draws one scenario.
func renderTable(s named, rows []row) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Options.SeparateRows = false
	t.SetTitle(s.Name)
	t.AppendHeader(table.Row{"client", "k events/s/core", "µs CPU\n/event", "×\nfloor", "µs CPU\n/request", "core\nbusy", "received late\nms p50 / p99", "sent late\nms p50 / p99", "RSS\nMiB", "at server\nmost / mean", "n"})
	var notes []string
	for _, r := range rows {
		if r.Missing != "" {
			t.AppendRow(table.Row{r.Client, "–"})
			notes = append(notes, r.Client+": "+r.Missing)
			continue
		}
		t.AppendRow(table.Row{r.Client,
			figure(r.Runs, func(c calibrate.Cost) float64 { return perCPUS(c) / 1e3 }, "%.0f"), fmt.Sprintf("%.2f", median(r.Runs, perEvent)),
			fmt.Sprintf("%.2f", median(r.Runs, perEvent)/median(rows[0].Runs, perEvent)), fmt.Sprintf("%.0f", median(r.Runs, perRequest)),
			fmt.Sprintf("%.0f%%", median(r.Runs, busy)), delay(r.Timed, func(c calibrate.Cost) *calibrate.Delay { return c.Receipt }),
			delay(r.Runs, func(c calibrate.Cost) *calibrate.Delay { return c.Send }),
			fmt.Sprintf("%.0f", median(r.Runs, rss)), atOnce(r.Server), len(r.Runs)})
		if r.Void != "" {
			notes = append(notes, r.Client+": "+r.Void)
		}
		if r.Startup != nil {
			notes = append(notes, fmt.Sprintf("%s: marginal, beside %.0f CPU-seconds and %.0f MiB to start", r.Client, r.Startup.CPUS, rss(*r.Startup)))
		}
	}
	return t.Render() + "\n" + strings.Join(append(notes, ""), "\n") + "\n"
}
