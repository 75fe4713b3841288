package experiments

import (
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Defaults of a cell's settings. They may change between versions of matrix; the identity defaults, which decide
// whether old results still count, are frozen beside the identity.
const (
	defaultConcurrency   = 32  // requests in flight at a server: fills what one GPU holds without queueing for minutes
	defaultMaxTokens     = 256 // of an answer
	maxDefaultWarmup     = 64
	captureAllUpTo       = 1000 // requests of a cell
	defaultSample        = 100  // outputs kept of a larger cell
	defaultBurstiness    = 0.5  // coefficient of variation 1.41
	notGiven             = -1   // below every value that may be
	defaultVRAMTolerance = 64   // MiB
	defaultLoadLimit     = 30 * time.Minute
	defaultDrainLimit    = time.Minute
	minInterval          = 100 * time.Millisecond
)

func buildLoad(r *reader) LoadShape {
	platform := r.x.platformNow().platform
	l := LoadShape{Mode: r.text("mode", defaultMode(platform)), Concurrency: r.whole("concurrency", defaultConcurrency),
		Rate: r.float("rate", 0), Arrival: r.text("arrival", "poisson"), Burstiness: r.float("burstiness", notGiven), Trace: r.text("trace", ""), Duration: r.duration("duration", 0),
		Timeout: r.duration("timeout", 0), Retries: r.whole("retries", 0), Ramp: r.duration("ramp", 0)}
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
	return l.normalised()
}

func defaultMode(p *Platform) string {
	if p.Batch() {
		return "batch"
	}
	return "closed"
}

func (r *reader) checkOpen(l *LoadShape) {
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
		r.fail("trace", "Cannot read trace", fmt.Sprintf("%s. A path starts from the folder of the file it stands in.", capital(reason(err))))
	}
	l.TraceSHA256 = sum
}

// checkBurstiness fills in the shape of gamma arrivals.
func (r *reader) checkBurstiness(l *LoadShape) {
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

// normalised drops what the mode does not use: a batch has no concurrency, a closed load no rate.
func (l LoadShape) normalised() LoadShape {
	switch l.Mode {
	case "batch":
		return LoadShape{Mode: l.Mode, Timeout: l.Timeout, Retries: l.Retries}
	case "closed":
		l.Rate, l.Arrival, l.Burstiness, l.Trace, l.TraceSHA256, l.Duration = 0, "", 0, "", "", 0
	case "open":
		l.Concurrency, l.Ramp = 0, 0
		if l.Trace != "" {
			l.Arrival = ""
		}
		if l.Arrival != "gamma" {
			l.Burstiness = 0
		}
	}
	return l
}

func buildGenerate(r *reader) Generate {
	g := Generate{MaxTokens: r.whole("max_tokens", defaultMaxTokens), MinTokens: r.whole("min_tokens", 0), Temperature: r.float("temperature", 0),
		TopP: r.float("top_p", 1), TopK: r.whole("top_k", 0), Seed: int64(r.whole("seed", 0)), Stop: r.texts("stop"),
		IgnoreEOS: r.flag("ignore_eos", false), RepeatPenalty: r.float("repeat_penalty", 1), Template: r.text("template", ""),
		Thinking: r.text("thinking", "false")}
	if g.MinTokens > g.MaxTokens {
		r.fail("min_tokens", "min_tokens above max_tokens", fmt.Sprintf("An answer cannot have at least %d and at most %d tokens.", g.MinTokens, g.MaxTokens))
	}
	if g.Template != "" {
		if _, err := template.New("prompt").Parse(g.Template); err != nil {
			r.fail("template", "Bad template", strings.TrimPrefix(err.Error(), "template: ")+". It is a Go text/template over .System, .Prompt and .Messages.")
		}
	}
	return g
}

// generateKey makes a Generate comparable.
func generateKey(g Generate) any {
	stop := string(canonical(g.Stop))
	g.Stop = nil
	return struct {
		g    string
		stop string
	}{fmt.Sprintf("%#v", g), stop}
}

func buildWarmup(r *reader) Warmup {
	inFlight := r.x.batchSize()
	if load := r.x.loadNow(); load.Mode == "closed" {
		inFlight = min(load.Concurrency, inFlight)
	}
	requests := max(1, min(2*inFlight, maxDefaultWarmup))
	return Warmup{Requests: r.whole("requests", requests), UntilStable: r.flag("until_stable", false)}
}

func buildIsolation(r *reader) Isolation {
	return Isolation{Server: r.text("server", "cell"), Caches: r.text("caches", "warm"), PrefixCache: r.text("prefix_cache", "off"),
		Cooldown: r.duration("cooldown", 0), Exclusive: r.flag("exclusive", true), Alone: r.flag("alone", false), Prime: r.flag("prime", true), VRAMToleranceMiB: r.float("vram_tolerance", defaultVRAMTolerance)}
}

func (p *program) buildLimits(r *reader) Limits {
	return Limits{Load: r.duration("load", defaultLoadLimit), Cell: r.duration("cell", 0), Drain: r.duration("drain", defaultDrainLimit),
		MaxErrorRate: r.float("max_error_rate", 0.5), MaxCells: p.maxCells}
}

func buildCapture(r *reader) Capture {
	c := Capture{Outputs: "all", Chunks: r.flag("chunks", false)}
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
			n, _ := v.AsBigFloat().Int64()
			c.Outputs, c.Sample = "sample", int(n)
			if n == 0 {
				c.Outputs = "none"
			}
		}
	}
	if c.Outputs == "sample" && c.Sample == 0 {
		c.Sample = defaultSample
	}
	return c
}

func buildTelemetry(r *reader) Telemetry {
	t := Telemetry{Interval: r.duration("interval", time.Second), Metrics: r.flag("metrics", true)}
	if t.Interval < minInterval {
		r.fail("interval", "Telemetry too frequent", "Sampling the machine more often than every 100ms would disturb what is measured.")
	}
	return t
}

func buildSLO(r *reader) SLO {
	return SLO{TTFT: r.duration("ttft", 0), TPOT: r.duration("tpot", 0), E2E: r.duration("e2e", 0)}
}
