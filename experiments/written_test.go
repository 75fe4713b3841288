package experiments_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// judged loads a text and expands what is sound of it.
func judged(t *testing.T, text string, opts lang.Options) hcl.Diagnostics {
	t.Helper()
	config, diags := load(t, text, opts)
	if diags.HasErrors() {
		return diags
	}
	for _, e := range config.Experiments {
		all, more := expand(e, grid.Hooks{})
		for _, c := range all { // what panics on a number that has no JSON form
			cell.Identify(c, cell.Facts{})
		}
		diags = append(diags, more...)
	}
	return diags
}

// TestNumbersAreFinite: wherever a number is written, one that is not finite is a mistake with its place.
func TestNumbersAreFinite(t *testing.T) {
	for name, text := range map[string]string{
		"text in a number":   experiment(threeAxes + "generate { temperature = \"inf\" }"),
		"division":           experiment(threeAxes + "generate { temperature = 1 / 0 }"),
		"too large together": experiment(threeAxes + "generate { temperature = 1e300 * 1e300 }"),
		"just too large":     experiment(threeAxes + "generate { temperature = 9e308 }"),
		"a rate":             experiment(strings.Replace(threeAxes, "platform.offline, ", "", 1) + "load {\n mode = \"open\"\n rate = \"inf\"\n}"),
		"a whole number":     experiment(threeAxes + "launches = 1 / 0"),
		"an axis":            experiment(threeAxes[:len(threeAxes)-4] + " x = [1, tonumber(\"inf\")]\n }\n"),
		"an axis of objects": experiment(threeAxes[:len(threeAxes)-4] + " x = [{ y = [1 / 0] }]\n }\n"),
		"an override":        experiment(threeAxes + "override { args = { swap = 1 / 0 } }"),
		"an argument":        strings.Replace(experiment(threeAxes), "platform \"serve\" {", "platform \"serve\" {\n  options = { a = [{ b = -1 / 0 }] }", 1),
		"a local":            "locals { x = pow(10, 400) }\n" + experiment(threeAxes+"generate { temperature = local.x }"),
		"hardware":           "hardware \"h\" { vram_gib = \"inf\" }\n" + experiment(threeAxes),
		"a length":           "dataset \"s\" { synthetic = { input_tokens = 1 / 0 } }\n" + experiment(threeAxes),
		"a distribution":     "dataset \"s\" { synthetic = { input_tokens = { mean = 5, stddev = \"inf\" } } }\n" + experiment(threeAxes),
		"memory":             experiment(threeAxes + "isolation { vram_tolerance = \"infMiB\" }"),
		"a default":          "variable \"v\" { default = 1 / 0 }\n" + experiment(threeAxes+"generate { temperature = var.v }"),
	} {
		diags := judged(t, text, lang.Options{})
		if !diags.HasErrors() {
			t.Errorf("%s: accepted", name)
			continue
		}
		said := slices.ContainsFunc(diags, func(d *hcl.Diagnostic) bool {
			return d.Subject != nil && (d.Summary == "Not a finite number" || name == "memory")
		})
		if !said {
			t.Errorf("%s: %v", name, diags.Errs())
		}
	}
	text := "variable \"v\" {\n  type    = number\n  default = 1\n}\n" + experiment(threeAxes+"generate { temperature = var.v }")
	for _, opts := range []lang.Options{{Vars: []string{"v=inf"}}, {Environ: []string{"MATRIX_VAR_v=-Inf"}}, {Vars: []string{"v=1e999"}}} {
		if diags := judged(t, text, opts); !diags.HasErrors() {
			t.Errorf("%+v: accepted", opts)
		}
	}
}

// TestLineEndsAreNoContent: an editor's choice of line ends changes no prompt and no identity; an escape is what was meant.
func TestLineEndsAreNoContent(t *testing.T) {
	text := experiment(threeAxes + "generate {\n  template = <<-EOT\n    Q:\n    {{.Prompt}}\n  EOT\n  stop = [\"\\r\\n\"]\n}")
	unix := cells(t, text, grid.Hooks{})
	for name, c := range cells(t, strings.ReplaceAll(text, "\n", "\r\n"), grid.Hooks{}) {
		if c.Generate.Template != "Q:\n{{.Prompt}}\n" || !slices.Equal(c.Generate.Stop, []string{"\r\n"}) {
			t.Errorf("template %q, stop %q", c.Generate.Template, c.Generate.Stop)
		}
		if a, b := cell.Identify(c, cell.Facts{}), cell.Identify(unix[name], cell.Facts{}); a.Hash != b.Hash {
			t.Errorf("%s is another cell with carriage returns", name)
		}
	}
}

// TestWhatToWrite: a message shows the right form of what was meant.
func TestWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"model \"x\" { vllm = \"google/gemma-3-4b-it\" }\n" + experiment(threeAxes): `vllm = { model = "google/gemma-3-4b-it" }`,
		experiment(threeAxes + "launches = timestamp()"):                            "coalesce, ",
		experiment(threeAxes + "generate { thinking = \"hard\" }"):                  `"low", "medium" or "high"`,
	} {
		diags := judged(t, text, lang.Options{})
		if !strings.Contains(diags.Error(), want) && (len(diags) == 0 || !strings.Contains(diags[0].Detail, want)) {
			t.Errorf("no %q in %v", want, diags)
		}
	}
}

// TestThinking: a switch or a level; left out and false are one identity.
func TestThinking(t *testing.T) {
	hash := map[string]string{}
	for written, want := range map[string]string{"": "false", "thinking = false": "false", "thinking = true": "true", `thinking = "high"`: "high"} {
		for _, c := range cells(t, experiment(threeAxes+"generate { "+written+" }"), grid.Hooks{}) {
			if c.Generate.Thinking != want {
				t.Errorf("%q: %q", written, c.Generate.Thinking)
			}
			if c.Name() == "serve/small/10" {
				hash[want] += cell.Identify(c, cell.Facts{}).Hash + " "
			}
		}
	}
	f := strings.Fields(hash["false"])
	if len(f) != 2 || f[0] != f[1] || hash["true"] == hash["high"] || strings.Contains(hash["false"], hash["true"]) {
		t.Errorf("%v", hash)
	}
}

// TestNonceIsPartOfAnAttachedCell: results of a server that was sent the same prompts again are not pooled with these.
func TestNonceIsPartOfAnAttachedCell(t *testing.T) {
	c := *cells(t, experiment(threeAxes), grid.Hooks{})["serve/small/10"]
	for _, test := range []struct {
		attach bool
		prefix string
		server string
		part   bool
	}{{false, "off", "cell", false}, {true, "off", "cell", true}, {true, "natural", "cell", false}, {false, "off", "group", true}} {
		platform, isolation := *c.Platform, *c.Isolation
		platform.Attach, isolation.PrefixCache, isolation.Server = test.attach, test.prefix, test.server
		c.Platform, c.Isolation = &platform, &isolation
		spec := cell.Identify(&c, cell.Facts{}).Components.Get("spec").Value
		if strings.Contains(string(spec), `"nonce":"launch"`) != test.part {
			t.Errorf("%+v: %s", test, spec)
		}
	}
}
