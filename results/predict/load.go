package predict

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Start is one start of an engine: a launch, one that several cells shared, or one that only primed the caches.
type Start struct {
	Key     string   // as Series.Start
	Kin     string   // as Series.Kin
	Cache   string   // equal for starts that find each other's compiled code: engine, version, model, machine; "" = unknown
	LoadS   *float64 // nil: not recorded, and the start tells nothing
	PhasesS map[string]float64
	Cold    bool // cold caches were asked for
}

// What a start's load may cost once only: phases that caches on disk shorten.
var cached = []string{"import", "weights", "compile", "graph_capture", "kv_init"}

// TellsCold reports whether phases hold one by which a cold start shows.
func TellsCold(phases map[string]float64) bool {
	return slices.ContainsFunc(cached, func(name string) bool { _, told := phases[name]; return told })
}

// A start is cold when its compiling took so much longer than that of a like one, or all that caches shorten did. Warm
// starts of one engine have been seen to differ by a quarter of their load, cold ones from warm ones by its double.
const (
	compileTimes = 2.5
	excessShare  = 0.5 // of the shortest like load
	excessS      = 2   // at least
)

// ColdStarts tells cold starts from warm ones by their phases: a start that compiled what a like one found compiled is
// cold, whatever state was asked for. Without phases a start passes for warm.
func ColdStarts(starts []Start) []bool {
	type least struct {
		load   float64
		phases map[string]float64
	}
	likes, compiles := map[string]*least{}, map[string]float64{}
	for _, s := range starts {
		if s.LoadS == nil {
			continue
		}
		l := likes[s.Key]
		if l == nil {
			l = &least{math.Inf(1), map[string]float64{}}
			likes[s.Key] = l
		}
		l.load = min(l.load, *s.LoadS)
		for _, name := range cached {
			took, told := s.PhasesS[name]
			if before, known := l.phases[name]; told && (!known || took < before) {
				l.phases[name] = took
			}
		}
		if took, told := s.PhasesS["compile"]; told && s.Cache != "" {
			if before, known := compiles[s.Cache]; !known || took < before {
				compiles[s.Cache] = took
			}
		}
	}
	cold := make([]bool, len(starts))
	for i, s := range starts {
		cold[i] = s.Cold
		if s.LoadS == nil {
			continue
		}
		l, excess := likes[s.Key], 0.0
		for _, name := range cached {
			if took, told := s.PhasesS[name]; told {
				excess += took - l.phases[name]
			}
		}
		compile, told := s.PhasesS["compile"]
		shortest, known := compiles[s.Cache]
		if !known {
			shortest = l.phases["compile"]
		}
		if told && compile >= compileTimes*shortest && compile-shortest >= excessS || excess >= max(excessS, excessShare*l.load) {
			cold[i] = true
		}
	}
	return cold
}

// Where a load comes from.
const (
	LoadMeasured = "measured" // starts of the same engine, model, settings and machine
	LoadKin      = "like"     // starts of the same with other settings
	LoadNone     = "none"     // nothing is to be loaded: attached
	LoadLeftOut  = "left out" // nothing like it was ever started by us
)

// Load is what a start takes.
type Load struct {
	Seconds float64 // geometric mean; 0 where it is none or left out
	Starts  int
	Source  string // LoadMeasured …
	Cold    bool   // cold starts: compiled, or read what no cache held
	kind    string
}

// Known reports whether the load is part of a finish time, as nothing if need be.
func (l Load) Known() bool { return l.Source != LoadLeftOut }

// errors of ln L: what multiplies the variance between starts, and the rest.
func (l Load) errors() (perStart, other float64) {
	if l.Starts == 0 {
		return 0, 0
	}
	if l.Source == LoadKin {
		other = assumedLoad * assumedLoad // other settings load otherwise
	}
	return 1 / float64(l.Starts), other
}

// Loads are the loads of all starts, pooled.
type Loads struct {
	own, kin map[loadKey][]float64 // logarithms
	noise    spread
}

type loadKey struct {
	key  string
	cold bool
}

func (k loadKey) compare(o loadKey) int {
	if k.key == o.key && k.cold != o.cold {
		if k.cold {
			return 1
		}
		return -1
	}
	return cmp.Compare(k.key, o.key)
}

// NewLoads pools the starts.
func NewLoads(starts []Start) *Loads {
	l := &Loads{own: map[loadKey][]float64{}, kin: map[loadKey][]float64{}}
	cold := ColdStarts(starts)
	for i, s := range starts {
		if s.LoadS != nil && *s.LoadS > 0 {
			log := math.Log(*s.LoadS)
			l.own[loadKey{s.Key, cold[i]}] = append(l.own[loadKey{s.Key, cold[i]}], log)
			l.kin[loadKey{s.Kin, cold[i]}] = append(l.kin[loadKey{s.Kin, cold[i]}], log)
		}
	}
	for _, logs := range l.own {
		slices.Sort(logs) // the sum must not depend on the order
	}
	for _, logs := range l.kin {
		slices.Sort(logs)
	}
	for _, k := range slices.SortedFunc(maps.Keys(l.own), loadKey.compare) {
		l.noise.add(l.own[k])
	}
	return l
}

// Later is the load of every start but the first: of warm starts, or of cold ones where there are no others.
func (l *Loads) Later(s Series) Load { return l.choose(s, false, true) }

// First is the load of the first start: of cold ones. It is left out where no start is known to have been cold.
func (l *Loads) First(s Series) Load { return l.choose(s, true) }

// Any is what starts take, whatever their engine: for one of which nothing is known.
func (l *Loads) Any() Load {
	var logs []float64
	for _, k := range slices.SortedFunc(maps.Keys(l.own), loadKey.compare) {
		if !k.cold {
			logs = append(logs, l.own[k]...)
		}
	}
	if len(logs) == 0 {
		return Load{Source: LoadLeftOut}
	}
	return Load{Seconds: math.Exp(meanOf(logs)), Starts: len(logs), Source: LoadKin}
}

func (l *Loads) choose(s Series, cold ...bool) Load {
	if s.NoLoad {
		return Load{Source: LoadNone}
	}
	for _, from := range []struct {
		source, key string
		logs        map[loadKey][]float64
	}{{LoadMeasured, s.Start, l.own}, {LoadKin, s.Kin, l.kin}} {
		for _, c := range cold {
			if logs := from.logs[loadKey{from.key, c}]; len(logs) > 0 {
				return Load{Seconds: math.Exp(meanOf(logs)), Starts: len(logs), Source: from.source, Cold: c, kind: from.key}
			}
		}
	}
	return Load{Source: LoadLeftOut}
}
