package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"matrix/results/report/browsertest"
	"matrix/results/summary/summarytest"
)

// sheet is a printed page: its lines, from its top.
type sheet struct {
	Width, Height float64
	Lines         []printed
}

// printed is a line of a sheet, in points from its top left corner.
type printed struct {
	text                string
	left, right, bottom float64
}

// print prints a page as Chromium does and reads the paper: its text, and one picture in grey of each sheet.
func print(t *testing.T, page string, dark bool) (sheets []sheet, grey [][]byte) {
	t.Helper()
	b := browsertest.Start(t)
	for _, program := range []string{"pdftotext", "pdftoppm"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") != "" {
			t.Fatalf("needs %s, as .ci/run tools brings it", program)
		} else if err != nil {
			t.Skipf("needs %s: poppler-utils of Debian", program)
		}
	}
	dir := t.TempDir()
	source, paper := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.pdf")
	if err := os.WriteFile(source, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	p := b.Open("file://" + source)
	p.As(1280, 900, dark)
	p.Print(paper)
	run := func(args ...string) []byte {
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	var read struct {
		Pages []struct {
			Width  float64 `xml:"width,attr"`
			Height float64 `xml:"height,attr"`
			Lines  []struct {
				XMin  float64  `xml:"xMin,attr"`
				XMax  float64  `xml:"xMax,attr"`
				YMax  float64  `xml:"yMax,attr"`
				Words []string `xml:"word"`
			} `xml:"flow>block>line"`
		} `xml:"body>doc>page"`
	}
	d := xml.NewDecoder(bytes.NewReader(run("pdftotext", "-bbox-layout", paper, "-")))
	d.Strict, d.Entity = false, xml.HTMLEntity
	if err := d.Decode(&read); err != nil {
		t.Fatal(err)
	}
	for _, p := range read.Pages {
		s := sheet{Width: p.Width, Height: p.Height}
		for _, l := range p.Lines {
			s.Lines = append(s.Lines, printed{strings.Join(l.Words, " "), l.XMin, l.XMax, l.YMax})
		}
		sheets = append(sheets, s)
	}
	run("pdftoppm", "-gray", "-r", "20", paper, filepath.Join(dir, "sheet"))
	pictures, err := filepath.Glob(filepath.Join(dir, "sheet*.pgm"))
	if err != nil || len(pictures) != len(sheets) || len(sheets) == 0 {
		t.Fatalf("%d sheets, %d pictures, %v", len(sheets), len(pictures), err)
	}
	for _, picture := range pictures {
		content, err := os.ReadFile(picture)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // the head of a PGM
			_, content, _ = bytes.Cut(content, []byte("\n"))
		}
		grey = append(grey, content)
	}
	return sheets, grey
}

// On paper the page is whole, with scripts and without: what was folded is open, no table is cut off, a timeline is a drawing, and a
// dark screen prints light.
func TestPrint(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser four times")
	}
	h200 := t.TempDir()
	summarytest.H200(t, h200)
	compared := build(t, h200, func(in *Input) { in.Set.Root = h200 })
	scripts := regexp.MustCompile(`(?s)<script.*?</script>`)
	for name, doc := range map[string]*Document{"planted": five(t), "measured": build(t, h100(t), nil), "compared": compared, "without scripts": five(t)} {
		page := render(t, doc.WriteHTML)
		if name == "without scripts" {
			page = scripts.ReplaceAllString(page, "")
		}
		sheets, grey := print(t, page, true)
		headed(t, name, doc, sheets)
		there, paper := map[string]int{}, "" // words; one that is long or has a hyphen may be broken
		for i, s := range sheets {
			if s.Width <= s.Height {
				t.Errorf("%s: sheet %d is %v by %v: tables need it across", name, i+1, s.Width, s.Height)
			}
			for _, l := range s.Lines {
				paper += squeezed(l.text)
				for _, word := range strings.Fields(l.text) {
					there[word]++
				}
				if l.left < 30 || l.right > s.Width-30 {
					t.Errorf("%s: sheet %d: %q reaches from %.0f to %.0f of %.0f points", name, i+1, l.text, l.left, l.right, s.Width)
				}
			}
			if black := slices.Min(grey[i]); black > 100 || 2*bytes.Count(grey[i], []byte{255}) < len(grey[i]) {
				t.Errorf("%s: sheet %d is not dark on white: the darkest point is %d, %d of %d are white", name, i+1, black, bytes.Count(grey[i], []byte{255}), len(grey[i]))
			}
		}
		walkTables(doc, func(table *Table) {
			for _, r := range table.Rows {
				for _, v := range r.Values {
					for _, word := range strings.Fields(v.Text + " " + v.Detail) {
						if there[word]--; there[word] < 0 && len(word) < 16 && !strings.ContainsAny(word, "-_/") {
							t.Errorf("%s: %s: %q is not on paper", name, table.Caption, word)
						}
					}
				}
			}
		})
		for _, want := range []string{"measure", "CPU of the whole machine busy", "seconds since the measured phase began"} { // in the drawing alone
			if !strings.Contains(paper, squeezed(want)) {
				t.Errorf("%s: no timeline is drawn: %q is not on paper", name, want)
			}
		}
		for _, not := range []string{"How many?", "Show platforms with", "Figures and cells"} {
			if strings.Contains(paper, squeezed(not)) {
				t.Errorf("%s: %q is on paper, where nobody can use it", name, not)
			}
		}
	}
}

// squeezed is text without its spaces: where a line ends is the printer's.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

// headed holds that each head stands on one sheet with the first figure or table below it, or with the first line of its title.
func headed(t *testing.T, name string, doc *Document, sheets []sheet) {
	t.Helper()
	type head struct{ title, first string }
	var heads []head
	var walk func(title string, blocks []Block)
	walk = func(title string, blocks []Block) {
		first := ""
		for _, b := range blocks {
			switch {
			case b.Figure != nil:
				first = cmp.Or(first, b.Figure.Title)
			case b.Table != nil:
				first = cmp.Or(first, b.Table.Caption)
			case b.Fold != nil:
				walk(b.Fold.Title, b.Fold.Blocks)
			}
		}
		heads = append(heads, head{title, first})
	}
	for _, s := range doc.Sections {
		walk(s.Title, s.Blocks)
	}
	for _, h := range heads {
		on := 0
		for i, sheet := range sheets {
			at := slices.IndexFunc(sheet.Lines, func(l printed) bool { return l.text == h.title })
			if at < 0 {
				continue
			}
			below := ""
			for _, l := range sheet.Lines {
				if l.bottom > sheet.Lines[at].bottom {
					below += squeezed(l.text)
				}
			}
			if on++; below == "" || !strings.Contains(below, squeezed(h.first)[:min(24, len(squeezed(h.first)))]) {
				t.Errorf("%s: sheet %d: the head %q stands without %q", name, i+1, h.title, h.first)
			}
		}
		if on == 0 {
			t.Errorf("%s: the head %q is on no sheet", name, h.title)
		}
	}
}

// walkTables visits every table of a document, those in folds too.
func walkTables(doc *Document, visit func(*Table)) {
	var walk func([]Block)
	walk = func(blocks []Block) {
		for _, b := range blocks {
			if b.Table != nil {
				visit(b.Table)
			}
			if b.Fold != nil {
				walk(b.Fold.Blocks)
			}
		}
	}
	for _, s := range doc.Sections {
		walk(s.Blocks)
	}
}
