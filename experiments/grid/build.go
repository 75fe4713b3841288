package grid

import (
	"fmt"
	"matrix/experiments/cell"
	"matrix/experiments/hclvalue"
	"matrix/experiments/lang"
	"matrix/experiments/wording"
	"strings"
	"text/template"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// What a cell's settings are where the defaults depend on other parts of it; the plain ones stand with the settings
// themselves (package cell).
const (
	maxDefaultWarmup  = 64
	captureAllUpTo    = 1000 // requests of a cell
	defaultSample     = 100  // outputs kept of a larger cell
	defaultBurstiness = 0.5  // coefficient of variation 1.41
	notGiven          = -1   // below every value that may be
	minInterval       = 100 * time.Millisecond
)

// buildLoad reads how a cell's requests are offered. What the mode has no use for is dropped at the end, so that two cells that
// differ in it alone are one identity.
func buildLoad(r *reader) cell.Load {
	platform := r.x.platformNow().platform
	l := cell.Load{Mode: defaultMode(platform), Burstiness: notGiven}
	r.fill(&l)
	if platform.Batch() && l.Mode != "batch" {
		r.fail("mode", fmt.Sprintf("%s always takes the whole batch", platform.Backend),
			fmt.Sprintf("Platform %q hands all requests over at once, so its load mode cannot be %q. Leave mode out (the default is batch for it and closed for servers), or give it to the servers only: mode = cell.platform.id == %q ? null : %q.",
				platform.ID, l.Mode, platform.ID, l.Mode))
		l.Mode = "batch"
	}
	if l.Mode == "open" {
		r.checkOpen(&l)
		r.checkBurstiness(&l)
	}
	return l.Normalised()
}

// defaultMode is closed for a server: an open load needs a rate, which nobody can guess, and a batch hides latency.
func defaultMode(p *cell.Platform) string {
	if p.Batch() {
		return "batch"
	}
	return "closed"
}

// checkOpen wants a rate or a trace, and digests the trace: its bytes are part of the identity, its path is not.
func (r *reader) checkOpen(l *cell.Load) {
	switch {
	case r.diags.HasErrors(): // a rate that is none is said to be
	case l.Rate <= 0 && l.Trace == "":
		r.fail("rate", "Open load without a rate", "An open load offers requests at rate per second, or at the times of a trace: give one of them.")
	case l.Rate > 0 && l.Trace != "":
		r.fail("rate", "Open load with a rate and a trace", "The trace says when requests are offered, so rate has no meaning. Remove one.")
	}
	if l.Trace == "" {
		return
	}
	sum, err := r.x.digest(l.Trace)
	if err != nil {
		r.fail("trace", "Cannot read trace", fmt.Sprintf("%s. A path starts from the folder of the file it stands in.", capital(lang.Reason(err))))
	}
	l.TraceSHA256 = sum
}

// checkBurstiness fills in the shape of gamma arrivals.
func (r *reader) checkBurstiness(l *cell.Load) {
	switch {
	case l.Burstiness == notGiven:
		l.Burstiness = defaultBurstiness
	case l.Arrival != "gamma" || l.Trace != "":
		r.fail("burstiness", "Burstiness without gamma arrivals",
			`burstiness is the shape of the gamma distribution that arrival = "gamma" draws its gaps from; nothing else uses it. Remove it, or set arrival = "gamma".`)
	case l.Burstiness == 0:
		r.fail("burstiness", "Burstiness of 0",
			"burstiness is the shape of a gamma distribution, so it is above 0: 1 is Poisson, below it arrivals come in bursts, above it they are more even.")
	}
}

// buildGenerate reads what is asked of each request. A template is parsed here, so that a slip shows in the plan and not after an
// hour of loading; whether it renders the prompts is for who has them to say.
func buildGenerate(r *reader) cell.Generate {
	g := plainly[cell.Generate](r)
	r.checkFormat(g.Format)
	r.checkTools(&g)
	if g.MinTokens > g.MaxTokens {
		r.fail("min_tokens", "min_tokens above max_tokens", fmt.Sprintf("An answer cannot have at least %d and at most %s.", g.MinTokens, wording.Count(g.MaxTokens, "tokens")))
	}
	if g.Template != "" {
		if _, err := template.New("prompt").Parse(g.Template); err != nil {
			r.fail("template", "Bad template", strings.TrimPrefix(err.Error(), "template: ")+". It is a Go text/template over .System, .Prompt and .Messages.")
		}
	}
	return g
}

// generateKey makes a cell.Generate comparable.
// A cell.Generate has lists, by which a map cannot be keyed; %#v of the rest holds every field, those added later as well.
func generateKey(g cell.Generate) any {
	stop := string(cell.Canonical([]any{g.Stop, g.Format.Choice}))
	g.Stop, g.Format.Choice = nil, nil
	return struct {
		g    string
		stop string
	}{fmt.Sprintf("%#v", g), stop}
}

// buildWarmup fills the engine twice over with what it will have in flight, up to a bound: kernels are chosen and graphs captured
// for the sizes that are met.
func buildWarmup(r *reader) cell.Warmup {
	inFlight := r.x.batchSize()
	if load := r.x.loadNow(); load.Mode == "closed" {
		inFlight = min(load.Concurrency, inFlight)
	}
	requests := max(1, min(2*inFlight, maxDefaultWarmup))
	w := cell.Warmup{Requests: requests}
	r.fill(&w)
	return w
}

// buildLimits takes max_cells from where it was read, before any cell: here it would be evaluated too late to hold.
func (p *program) buildLimits(r *reader) cell.Limits {
	l := plainly[cell.Limits](r)
	l.MaxCells = p.maxCells
	return l
}

// buildCapture keeps all answers of a small cell and a sample of a large one's: the answers outweigh the figures by far.
func buildCapture(r *reader) cell.Capture {
	c := cell.Capture{Outputs: "all"}
	r.fill(&c)
	if r.x.batchSize() > captureAllUpTo {
		c.Outputs = "sample"
	}
	v := r.get("outputs")
	if v != cty.NilVal {
		switch v.Type() {
		case cty.Bool:
			c.Outputs = map[bool]string{true: "all", false: "none"}[v.True()]
		case cty.String:
			c.Outputs = v.AsString()
		case cty.Number:
			c.Outputs, c.Sample = "sample", int(hclvalue.Whole(v))
			if c.Sample == 0 {
				c.Outputs = "none"
			}
		}
	}
	if c.Outputs == "sample" && c.Sample == 0 {
		c.Sample = defaultSample
	}
	return c
}

// buildTelemetry refuses an interval below minInterval here, since tags have no bounds of durations.
func buildTelemetry(r *reader) cell.Telemetry {
	t := plainly[cell.Telemetry](r)
	if t.Interval < minInterval {
		r.fail("interval", "Telemetry too frequent", "Sampling the machine more often than every 100ms would disturb what is measured.")
	}
	return t
}

// plainly reads a part of a cell whose defaults depend on nothing.
func plainly[T any](r *reader) T {
	var part T
	r.fill(&part)
	return part
}

// capital begins a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
