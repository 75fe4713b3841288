package machine

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/calibrate"
)

// Calibrate is the command.
// The client is run as in an apply, by the mock in another process: within one the two would share a scheduler.
func Calibrate(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use: "calibrate", Short: "Measure what matrix's own client costs on this machine",
		Long: "Measure what matrix's own client costs on this machine, in some ten seconds, against a mock server in another process.\n" +
			"The result is kept in <results>/.matrix/calibration.json; every attempt stores it, and a cell whose load needs more of\n" +
			"the client than it says can be had is flagged client_limited. Loopback flatters: a network adds its own delay.\n" +
			"Do it while nothing else runs.",
		Args: app.NoArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			c, err := calibrate.Short(cmd.Context(), func(s calibrate.Step) {
				if !a.JSON {
					fmt.Fprintf(a.Err, "%d of %d: %s\n", s.N, s.Of, s.What)
				}
			})
			if err != nil {
				return err
			}
			if err := calibrate.Save(a.Results, c); err != nil {
				return err
			}
			sayCalibration(a, c)
			return nil
		},
	}
}

// sayCalibration prints what the client costs and how late it is, in units that people compare.
// Records keep base units.
func sayCalibration(a *app.App, c record.Calibration) {
	if a.JSON {
		a.Record(ndjson.Calibration{Calibration: c, Path: calibrate.Path(a.Results)})
		return
	}
	// figures below each other, units behind them
	say := func(what, unit string, v float64, format string) {
		fmt.Fprintf(a, "%-52s "+format+" %s\n", what, v, unit)
	}
	say("events that come together, at one second of a core", "million", c.EventsPerSCore/1e6, "%8.2f")
	say("CPU of a request with one event", "µs", 1e6*c.CPUPerRequestS, "%8.1f")
	say("CPU of a further event that comes by itself", "µs", 1e6*c.CPUPerEventS, "%8.1f")
	say("receipt of an event − its writing, p99", "ms", 1e3*c.TimestampErrorP99S, "%8.3f")
	say("sent − scheduled at 1,000 requests a second, p99", "ms", 1e3*c.SendLatenessP99S, "%8.3f")
	fmt.Fprintf(a, "\n%s\nKept in %s; loopback flatters.\n", a.Style.Dim(deliverable(c)), calibrate.Path(a.Results))
	if spoiled(c) {
		fmt.Fprintln(a, a.Style.Warn("The delays are large: something else kept this machine busy. Repeat it when it is quiet."))
	}
}

// spoiled: the goals of a quiet machine, doubled.
// A calibration of a busy machine would flag innocent cells.
func spoiled(c record.Calibration) bool {
	return c.SendLatenessP99S > 0.002 || c.TimestampErrorP99S > 0.004
}

// deliverable is what the machine carries at 80% of its cores, for answers of 256 events one by one.
func deliverable(c record.Calibration) string {
	const events = 256
	perRequest := c.CPUCores(1, events)
	if perRequest <= 0 {
		return ""
	}
	answers := 0.8 * float64(c.Cores) / perRequest
	return fmt.Sprintf("So this machine follows %s answers of %d events a second (%s events/s) before the client is the limit.",
		format.Whole(int64(answers)), events, format.Whole(int64(answers*events)))
}

// examineCalibration says what the client was found to cost.
// Without one cells are not flagged: a warning, no fault.
func examineCalibration(a *app.App) finding {
	c, err := calibrate.Read(a.Results)
	switch {
	case err != nil:
		return found("calibration", "warn", err.Error(), "matrix calibrate measures it anew.")
	case c == nil:
		return found("calibration", "warn", "never on this machine", "matrix calibrate says in ten seconds what the client itself costs here; results store it.")
	}
	f := found("calibration", "ok", fmt.Sprintf("%s: %.2f million events/s/core, %.0f µs a request, sends late by %.2f ms (p99)",
		time.Unix(int64(c.UnixS), 0).UTC().Format(time.DateOnly), c.EventsPerSCore/1e6, 1e6*c.CPUPerRequestS, 1e3*c.SendLatenessP99S), "")
	if spoiled(*c) {
		f.State, f.Advice = "warn", "The machine was busy meanwhile: repeat matrix calibrate when it is quiet."
	}
	return f
}
