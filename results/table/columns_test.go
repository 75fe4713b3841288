package table

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
	"matrix/results/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The published columns: a change here must keep every name and meaning.
func TestSchemaGolden(t *testing.T) {
	var b strings.Builder
	for _, table := range []string{record.TableRequests, record.TableRun, record.TableSamples, record.TableOutputs, record.TableCounts} {
		fmt.Fprintf(&b, "%s.parquet, schema %d\n", table, SchemaVersion)
		for _, c := range tables()[table] {
			null := ""
			if c.Nullable {
				null = "null"
			}
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-32s %-34s %-9s %-4s  %s", c.Name, c.Type, c.Unit, null, c.Doc), " "))
		}
	}
	golden := filepath.Join("testdata", "schema.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

// Column is one column of a table as its documentation has it.
type Column struct {
	Name, Type, Unit, Doc string
	Nullable              bool
}

// tables are the columns of every table, by table.
func tables() map[string][]Column {
	out := map[string][]Column{}
	for name, f := range forms() {
		for _, s := range f.columns {
			out[name] = append(out[name], Column{Name: s.name, Type: s.typ.String(), Unit: s.unit, Doc: s.doc, Nullable: s.null})
		}
	}
	return out
}

func TestColumnNamesAreUnique(t *testing.T) {
	for table, cols := range tables() {
		seen := map[string]bool{}
		for _, c := range cols {
			if seen[c.Name] {
				t.Errorf("%s has %s twice", table, c.Name)
			}
			seen[c.Name] = true
		}
	}
}

// tables in the order in which a reader meets them, with what each holds.
var documented = []struct{ table, holds string }{
	{record.TableRun, "One row per attempt: what ran, where, how long each phase took, every metric. `null_reasons` says of a metric why it is null; a column without a reason was not measured: the engine or the machine does not tell."},
	{record.TableRequests, "One row per request, warm-up included."},
	{record.TableSamples, "Telemetry, tidy: a reading a row."},
	{record.TableOutputs, "Generated text, as `capture` says."},
	{record.TableCounts, "One row per attempt of an experiment, beside its cells: which count. It has none of the keys but those listed."},
}

// docs/columns.md is written from the same list as the tables' metadata: -update writes it.
func TestColumnsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Columns\n\nEvery column of every table, as it stands in the Parquet metadata too (key `matrix.columns`; units in `matrix.units`). A test writes this page.\n" +
		"A column once published keeps its name and meaning. A number that was not observed is null, never 0.\n")
	for _, d := range documented {
		fmt.Fprintf(&b, "\n## %s.parquet\n\n%s\n\n| column | type | unit | meaning |\n| --- | --- | --- | --- |\n", d.table, d.holds)
		for _, c := range tables()[d.table] {
			b.WriteString(columnLine(c))
		}
	}
	b.WriteString("\n## Derived figures\n\nNot columns, but a `decision` may name them like one.\n\n| figure | type | unit | meaning |\n| --- | --- | --- | --- |\n")
	for _, m := range record.Derived() {
		b.WriteString(columnLine(Column{Name: m.Name, Type: "float64", Unit: m.Unit, Doc: m.Meaning(), Nullable: true}))
	}
	page := filepath.Join("..", "..", "docs", "columns.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/columns.md (-is +should be; -update writes it):\n%s", diff)
	}
}

func columnLine(c Column) string {
	typ := strings.NewReplacer("utf8", "text", "list<element: text, nullable>", "list of text", "fixed_size_binary[16]", "16 bytes").Replace(c.Type)
	switch {
	case strings.HasPrefix(c.Type, "map<"):
		typ = "map of numbers"
		if strings.Contains(c.Type, "utf8, utf8") {
			typ = "map of text"
		}
	case strings.HasPrefix(c.Type, "list<"):
		typ = "list of " + map[bool]string{true: "text", false: "numbers"}[strings.Contains(c.Type, "utf8")]
	}
	if !c.Nullable {
		typ += ", never null"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", c.Name, typ, c.Unit, strings.ReplaceAll(c.Doc, "|", "\\|"))
}

// Every column says what it holds; what is a share has that for a unit.
func TestColumnsAreDocumented(t *testing.T) {
	for table, columns := range tables() {
		for _, c := range columns {
			if c.Doc == "" {
				t.Errorf("%s.%s says nothing", table, c.Name)
			}
			if strings.HasSuffix(c.Name, "_ratio") && c.Unit != cell.Ratio {
				t.Errorf("%s.%s has unit %q", table, c.Name, c.Unit)
			}
		}
	}
}

// What may be named holds every number of run.parquet once.
func TestNamed(t *testing.T) {
	var names []string
	for _, m := range Named() {
		if slices.Contains(names, m.Name) {
			t.Errorf("%s is named twice", m.Name)
		}
		names = append(names, m.Name)
	}
	for _, want := range []string{"success_rate", "j_per_evaluation", "footprint_bytes", "phase_weights_s", "e2e_p99_adjusted_s"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s cannot be named", want)
		}
	}
}
