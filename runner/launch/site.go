package launch

import (
	"matrix/results/record"
	"matrix/runner/events"
	"matrix/runner/machine"
	"matrix/runner/plan"
	"matrix/runner/telemetry"
)

// Site is what the launches of one apply share.
type Site struct {
	World       plan.World
	Plan        *plan.Plan       // for its order and seed
	Source      []byte           // the experiment's HCL as read, kept with each attempt
	Events      *events.Stream   // for whoever watches; safe from any goroutine
	Host        machine.Machine  // this machine, or a test's stand-in
	Base        machine.Baseline // what held GPU memory before the first launch
	GPUs        []telemetry.GPU  // those that this program may use
	Files       uint64           // most open files
	Scratch     string           // root of the folders that engines need while they run
	Hard        <-chan struct{}  // closed by the second ^C: kill, do not wait
	SideBySide  int              // launches at once, at most
	Crowd       *Crowd
	Calibration *record.Calibration // what the client costs here; nil: never measured
	Estimates   *plan.Estimator
	Left        *plan.Leftovers // attempts to go on with
	Primings    *Primings       // see prime
	Changed     func()          // a phase has begun, so the board is to be written
}
