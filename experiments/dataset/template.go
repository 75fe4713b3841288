package dataset

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"matrix/experiments/cell"
)

// templateData is what generate.template sees.
type templateData struct {
	System   string    // system and developer messages, joined by an empty line
	Prompt   string    // the prompt, or the last user message
	Messages []Message // all, in their order; of a prompt, the one user's turn that it is
}

// rendered turns an entry into the raw prompt that a template makes of it. A template that would leave out part of
// what the entry says, or the nonce, is an error: the cell would measure something else than it claims.
func (s *Set) rendered(text string, e Entry, mark string) (Entry, error) {
	t, err := s.template(text)
	if err != nil {
		return Entry{}, err
	}
	data, fault := dataOf(e, text)
	if fault != "" {
		return Entry{}, templateError("prompt " + e.ID + " " + fault)
	}
	var out bounded
	if err := t.Execute(&out, data); err != nil {
		return Entry{}, templateError(plain(err))
	}
	if mark != "" && !strings.Contains(out.String(), mark) {
		return Entry{}, templateError("the rendered text lacks the prompt's own: it uses none of .Prompt, .System and .Messages")
	}
	if bos, _ := cell.CutBOS(out.String()); bos != "" && strings.Count(out.String(), bos) > 1 && strings.Contains(e.text(), bos) {
		return Entry{}, templateError("prompt " + e.ID + " was rendered before: it has a " + bos + " of its own, and the template another")
	}
	e.Prompt, e.Messages = out.String(), nil
	return e, nil
}

// template parses a text once for the set: it is executed for each request, from many goroutines.
func (s *Set) template(text string) (*template.Template, error) {
	if t, ok := s.templates.Load(text); ok {
		return t.(*template.Template), nil
	}
	t, err := template.New("template").Parse(text)
	if err != nil {
		return nil, templateError(plain(err))
	}
	s.templates.Store(text, t)
	return t, nil
}

// dataOf is what a template sees of an entry; fault says what the template, going by its text, would leave out. That is
// told by the names in the text: a branch that would use them may not be taken for this entry.
func dataOf(e Entry, text string) (data templateData, fault string) {
	if len(e.Messages) == 0 {
		return templateData{Prompt: e.Prompt, Messages: []Message{{Role: "user", Content: e.Prompt}}}, ""
	}
	data.Messages = e.Messages
	var system []string
	turns := 0
	for _, m := range e.Messages {
		switch m.Role {
		case "system", "developer":
			system = append(system, m.Content)
			continue
		case "user":
			data.Prompt = m.Content
		}
		turns++
	}
	data.System = strings.Join(system, "\n\n")
	if strings.Contains(text, ".Messages") {
		return data, ""
	}
	if len(system) > 0 && !strings.Contains(text, ".System") {
		return data, "has a system message, which the template leaves out: use .System or .Messages"
	}
	if turns != 1 {
		return data, fmt.Sprintf("has %d turns, of which .Prompt is the last user's alone: range over .Messages", turns)
	}
	return data, ""
}

// templateError has no place: the text may have come from any expression.
func templateError(reason string) error {
	return &Error{
		Reason: "generate.template: " + reason,
		Hint:   "It is a Go text/template over .System, .Prompt and .Messages (.Role, .Content).",
	}
}

// plain drops text/template's own prefix.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "template: ") }

// bounded is a buffer that a runaway template cannot fill the memory with.
type bounded struct{ strings.Builder }

// Write implements io.Writer. It must be here: Builder's own, embedded, knows no bound.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxEntryBytes {
		return 0, errors.New("the rendered prompt is " + tooLong)
	}
	return b.Builder.Write(p)
}
