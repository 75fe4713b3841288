package diagnostic

import (
	"bytes"
	"fmt"
	"io"
	"matrix/experiments/syntax"
	"matrix/experiments/wording"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
	"github.com/mitchellh/go-wordwrap"
)

// ANSI sequences; only with color.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	blue   = "\x1b[34m"
	plain  = "\x1b[0m"
)

// maxSnippet bounds the source line that is shown.
const maxSnippet = 160

// renderer writes diagnostics for people.
type renderer struct {
	w      io.Writer
	files  map[string][]byte    // source by the name that ranges have
	parsed map[string]*hcl.File // by name; nil = it cannot be parsed
	color  bool
	width  int // columns
}

// Write prints each diagnostic with its source line, the values involved and what to do. files is
// Config.Files; width wraps the text (0: 80 columns). Write errors are dropped: it prints to a terminal.
func Write(w io.Writer, files map[string][]byte, diags hcl.Diagnostics, color bool, width int) {
	if width <= 0 {
		width = 80
	}
	r := &renderer{w: w, files: files, parsed: map[string]*hcl.File{}, color: color, width: width}
	for i, d := range Sorted(append(hcl.Diagnostics(nil), diags...)) {
		if i > 0 {
			fmt.Fprintln(w)
		}
		r.write(d)
	}
}

// paint colours a text; an empty one stays empty, so that no escape sequence stands alone in a log.
func (r *renderer) paint(color, text string) string {
	if !r.color || text == "" {
		return text
	}
	return color + text + plain
}

// write prints one: what, where, with which values, what to do, for which cells. The source line and the values are not
// wrapped.
func (r *renderer) write(d *hcl.Diagnostic) {
	tone, word := red, "Error"
	if d.Severity == hcl.DiagWarning {
		tone, word = yellow, "Warning"
	}
	for i, line := range strings.Split(wordwrap.WrapString(word+": "+d.Summary, uint(max(1, r.width-2))), "\n") {
		if i == 0 {
			fmt.Fprintf(r.w, "%s%s\n", r.paint(bold+tone, word+": "), r.paint(bold, strings.TrimPrefix(line, word+": ")))
		} else {
			fmt.Fprintf(r.w, "  %s\n", r.paint(bold, line))
		}
	}
	if d.Subject != nil {
		r.snippet(d, tone)
	}
	for _, line := range Values(d.Expression, d.EvalContext) {
		fmt.Fprintf(r.w, "    %s\n", line)
	}
	for _, line := range strings.Split(wordwrap.WrapString(d.Detail, uint(max(1, r.width-2))), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(r.w, "  %s\n", line)
		}
	}
	if line := affectedLine(d); line != "" {
		fmt.Fprintf(r.w, "  %s\n", line)
	}
}

// affectedLine names the cells of a diagnostic: "In cell a/b/10 and 11 more cells."
func affectedLine(d *hcl.Diagnostic) string {
	a, ok := d.Extra.(Affected)
	if !ok || a.Cell == "" {
		return ""
	}
	if a.More == 0 {
		return fmt.Sprintf("In cell %s.", a.Cell)
	}
	return fmt.Sprintf("In cell %s and %s.", a.Cell, wording.Count(a.More, "more cells"))
}

// snippet shows the place and the source line with the subject underlined.
func (r *renderer) snippet(d *hcl.Diagnostic, tone string) {
	s := d.Subject
	where := ""
	if in := r.enclosing(*s); in != "" {
		where = ", in " + in
	}
	fmt.Fprintf(r.w, "  %s%s\n", r.paint(blue, fmt.Sprintf("%s:%d:%d", s.Filename, s.Start.Line, s.Start.Column)), where)
	line, before, length := underlined(r.files[s.Filename], *s)
	if line == "" {
		return
	}
	if _, secret := d.Extra.(Withheld); secret {
		line = line[:min(len(line), len(before)+length)] + " …"
	}
	number := fmt.Sprintf("%4d", s.Start.Line)
	fmt.Fprintf(r.w, "%s %s\n", r.paint(blue, number+" │"), line)
	fmt.Fprintf(r.w, "%s %s%s\n", r.paint(blue, strings.Repeat(" ", len(number))+" │"), before, r.paint(tone, strings.Repeat("^", length)))
}

// underlined is the first source line of a range, the blanks before the subject, and the subject's length.
// Of a long line only a part around the subject is shown, cut by bytes, so half a letter may be at either end.
func underlined(src []byte, at hcl.Range) (line, before string, length int) {
	if len(src) == 0 || at.Start.Byte > len(src) {
		return "", "", 0
	}
	start := bytes.LastIndexByte(src[:at.Start.Byte], '\n') + 1
	end := len(src)
	if i := bytes.IndexByte(src[at.Start.Byte:], '\n'); i >= 0 {
		end = at.Start.Byte + i
	}
	stop := min(max(at.End.Byte, at.Start.Byte), end)
	from := max(start, at.Start.Byte-maxSnippet/2) // a line may be a megabyte long
	to := min(end, from+maxSnippet)
	line = strings.ToValidUTF8(string(src[from:to]), "?")
	if line = strings.TrimRight(line, " \t\r"); line == "" {
		return "", "", 0
	}
	var blanks strings.Builder
	for _, c := range strings.ToValidUTF8(string(src[from:at.Start.Byte]), "?") {
		if c == '\t' {
			blanks.WriteRune(c)
		} else {
			blanks.WriteString(strings.Repeat(" ", ansi.StringWidth(string(c)))) // some take two columns
		}
	}
	return line, blanks.String(), max(1, ansi.StringWidth(string(src[at.Start.Byte:min(stop, max(to, at.Start.Byte))])))
}

// enclosing names the block around a place: `experiment "gemma3"`; "" where it cannot be told, as in JSON syntax. A file is parsed
// again for it, once: the body that was evaluated does not tell what is around an expression.
func (r *renderer) enclosing(at hcl.Range) string {
	file, ok := r.parsed[at.Filename]
	if !ok {
		src := r.files[at.Filename]
		if strings.HasSuffix(at.Filename, ".hcl") {
			file, _ = syntax.File(src, at.Filename) // its mistakes are among what is printed
		}
		r.parsed[at.Filename] = file
	}
	if file == nil {
		return ""
	}
	return hcled.ContextString(file, at.Start.Byte)
}
