package summary

import (
	"slices"
	"strings"

	"matrix/results/stats"
)

// Bounds of the checks on machine and client.
const (
	clientMost    = 0.5  // of the client's cores
	clocksMost    = 0.05 // between mean clocks
	throttledMost = 0.1  // of the measured time
)

// client looks whether matrix itself was the limit: then all contenders are as fast as it is.
// An attempt that does not tell what the client used passes.
func (g *checking) client() {
	g.each(func(c *Cell) {
		for _, a := range c.Launches {
			used, d, cores := a.Number("client_cpu_s"), a.Number("duration_s"), a.Number("machine_cores")
			g.seen = g.seen || used != nil
			switch {
			case limited(a):
				g.one(Red, c, "launch %d may have been limited by matrix itself, or matrix was stopped meanwhile: its warnings in the inventory say which", a.Launch)
			case used == nil || d == nil || cores == nil || *d <= 0 || *cores <= 0:
			case *used / *d / *cores > clientMost:
				g.one(Amber, c, "matrix itself used %s of the machine's cores in launch %d", stats.Percent(*used / *d / *cores), a.Launch)
			}
		}
	})
}

// fixed are what must not change between launches of a cell. Of two platforms the GPUs are of one model, or they are not compared, and
// the engines need not be; a driver may matter little, a power limit does not.
var fixed = []struct {
	what    string
	of      func(*Attempt) string
	between string // level of a difference between two cells; "" = none
}{
	{"GPU", gpuOf, ""},
	{"power limit", func(a *Attempt) string { return whole(a, "gpu_power_limit_w", " W") }, Red},
	{"GPU driver", func(a *Attempt) string { return a.Run().Machine.Driver }, Amber},
	{"engine version", func(a *Attempt) string { return a.Run().Engine.Version }, ""},
	// A tag may be pulled anew between two launches, and an attached server is another's to change.
	{"weights", func(a *Attempt) string { return short(strings.TrimPrefix(a.Run().Engine.Revision, "sha256:")) }, ""},
	{"chat template", func(a *Attempt) string { return short(a.Run().Engine.Template) }, ""},
}

// machine looks for what changed between launches: of a cell nothing may, between two cells the machine may not.
func (g *checking) machine() {
	g.each(func(c *Cell) {
		g.seen = g.seen || slices.ContainsFunc(c.Launches, func(a *Attempt) bool { return a.Run().Machine.Host != "" })
		for _, f := range fixed {
			if values := toldBy(c.Launches, f.of); len(values) > 1 {
				g.one(Red, c, "%s not the same in all launches: %s", f.what, strings.Join(values, ", "))
			}
		}
		if cards := toldBy(c.Launches, cardsOf); len(cards) > 1 {
			g.one(Amber, c, "launches ran on different cards of one model")
		}
		if hosts := toldBy(c.Launches, hostOf); len(hosts) > 1 {
			g.one(Amber, c, "launches ran on different hosts: %s", strings.Join(hosts, ", "))
		}
		if far, low, high := spreadOf(c.Values("sm_clock_hz")); far > clocksMost {
			g.one(Amber, c, "the GPU's clock was %.0f MHz in one launch and %.0f MHz in another", low/1e6, high/1e6)
		}
		for _, a := range c.Launches {
			g.disturbed(c, a)
		}
	})
	g.pairs(func(a, b *Cell) {
		for _, f := range fixed {
			if x, y := toldBy(a.Launches, f.of), toldBy(b.Launches, f.of); f.between != "" && len(x) > 0 && len(y) > 0 && !slices.Equal(x, y) {
				g.two(f.between, a, b, "%s %s against %s", f.what, strings.Join(x, ", "), strings.Join(y, ", "))
			}
		}
		x, y := toldBy(a.Launches, cardsOf), toldBy(b.Launches, cardsOf)
		if len(x) > 0 && len(y) > 0 && !slices.Equal(x, y) {
			g.two(Amber, a, b, "measured on different cards of one model")
		}
		if x, y := toldBy(a.Launches, hostOf), toldBy(b.Launches, hostOf); len(x) > 0 && len(y) > 0 && !slices.Equal(x, y) {
			g.two(Amber, a, b, "measured on different hosts: %s against %s", strings.Join(x, ", "), strings.Join(y, ", "))
		}
		clocks := []float64{stats.Median(a.Values("sm_clock_hz")), stats.Median(b.Values("sm_clock_hz"))}
		if far, _, _ := spreadOf(clocks); len(a.Values("sm_clock_hz")) > 0 && len(b.Values("sm_clock_hz")) > 0 && far > clocksMost {
			g.two(Amber, a, b, "the GPU's clock was %.0f MHz against %.0f MHz", clocks[0]/1e6, clocks[1]/1e6)
		}
	})
}

// disturbed says what held a launch back.
func (g *checking) disturbed(c *Cell, a *Attempt) {
	if x := a.Number("throttled_ratio"); x != nil && *x > throttledMost {
		g.one(Amber, c, "the GPU was throttled for %s of launch %d", stats.Percent(*x), a.Launch)
	}
	if x, much := others(a); much {
		g.one(Amber, c, "other processes used %s of the machine's processors in launch %d", stats.Percent(x), a.Launch)
	}
}

// toldBy are the different values of launches that tell one, sorted.
func toldBy(launches []*Attempt, of func(*Attempt) string) []string {
	var out []string
	for _, a := range launches {
		if v := of(a); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// cardsOf are the UUIDs of the GPUs that a launch could use; "" where it saw none.
func cardsOf(a *Attempt) string {
	if used := a.Run().GPUs; len(used) > 0 {
		return strings.Join(slices.Sorted(slices.Values(used)), " ")
	}
	return a.Run().Machine.GPUUUID
}

// hostOf is the machine by its name, "" where a card tells more surely which it was: containers have a new name at every start.
func hostOf(a *Attempt) string {
	if cardsOf(a) != "" {
		return ""
	}
	return a.Run().Machine.Host
}

// spreadOf is how far the largest is above the smallest, and both.
func spreadOf(values []float64) (far, low, high float64) {
	if len(values) < 2 {
		return 0, 0, 0
	}
	low, high = slices.Min(values), slices.Max(values)
	if low <= 0 {
		return 0, low, high
	}
	return high/low - 1, low, high
}

// placement is red where layers are on the CPU that nobody put there.
// It goes by layers where the engine tells them, else by bytes. Where num_gpu is set in the platform's args or options, the
// split was asked for.
func (g *checking) placement() {
	g.each(func(c *Cell) {
		for _, a := range c.Launches {
			declared := false
			for _, part := range []string{"options", "args"} {
				_, set := asked(a)[part]["num_gpu"]
				declared = declared || set
			}
			layers, gpu := a.Number("layers"), a.Number("gpu_layers")
			size, vram := a.Number("size_bytes"), a.Number("size_vram_bytes")
			cards := a.Number("gpu_count")
			here := cards != nil && *cards > 0 || gpu != nil && *gpu > 0 || vram != nil && *vram > 0
			if !here || layers == nil && size == nil {
				continue
			}
			g.seen = true
			switch {
			case declared:
			case layers != nil && gpu != nil && *gpu < *layers:
				g.one(Red, c, "%.0f of %.0f layers were on the GPU in launch %d, the others on the CPU", *gpu, *layers, a.Launch)
			case layers == nil && vram != nil && *vram < *size:
				g.one(Red, c, "%s of the model was on the GPU in launch %d, the rest on the CPU", stats.Percent(*vram / *size), a.Launch)
			}
		}
	})
}
