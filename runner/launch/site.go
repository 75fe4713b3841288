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
	Plan        *plan.Plan // for its order and seed
	Source      []byte
	Events      *events.Stream
	Host        machine.Machine
	Base        machine.Baseline
	GPUs        []telemetry.GPU // those that this program may use
	Files       uint64          // most open files
	Scratch     string          // root of the folders that engines need while they run
	Hard        <-chan struct{} // closed by the second ^C: kill, do not wait
	SideBySide  int             // launches at once, at most
	Crowd       *Crowd
	Calibration *record.Calibration // what the client costs here; nil: never measured
	Estimates   *plan.Estimator
	Left        *plan.Leftovers
	Primings    *Primings
	Changed     func() // a phase has begun, so the board is to be written
}
