package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"matrix/experiments/textfile"
)

// table says which field of an entry's JSON form each column fills, "" = none: a row becomes an entry by the same rules
// as a line of JSONL.
type table []string

// forms are the columns that hold what is asked, of which the first that is there counts.
var forms = [][]string{{"prompt"}, {"messages"}, {"conversations"}, {"conversation"}, {"instruction", "input", "output"}}

// newTable picks the columns: the prompts' as declared, else by their names, else the only one.
func newTable(names []string, declared string) (table, error) {
	t := make(table, len(names))
	// use gives a column to a field once: the prompts' column, which goes first, may be named id or system.
	use := func(field string, wanted ...string) int {
		i := firstName(names, wanted...)
		if i >= 0 && t[i] == "" {
			t[i] = field
		}
		return i
	}
	there := "there are " + strings.Join(names, ", ") + "."
	switch {
	case declared != "":
		if use("prompt", declared) < 0 {
			return nil, hinted{fmt.Sprintf("no column %q", declared), "Columns: " + there}
		}
	default:
		form := slices.IndexFunc(forms, func(f []string) bool { return firstName(names, f[0]) >= 0 })
		switch {
		case form >= 0:
			for _, name := range forms[form] {
				use(name, name)
			}
		case len(names) == 1 && looksLikeText(names[0]):
			return nil, hinted{"the first line looks like a prompt, not like a column's name", `Put a header above it: a line that says prompt. If it is the header, name it (column = …).`}
		case len(names) == 1 && severalNames(names[0]):
			return nil, hinted{fmt.Sprintf("one column, and its name %q looks like several", names[0]), "Fields are separated by a comma, semicolon, tab or bar. If it is one name, say so (column = …)."}
		case len(names) == 1:
			t[0] = "prompt"
		default:
			return nil, hinted{`no column "prompt"`, "Name the column in the dataset (column = …); " + there}
		}
	}
	use("id", "custom_id", "id", "conversation_id")
	use("reference", "reference", "expected")
	use("max_tokens", "max_tokens", "max_completion_tokens")
	use("system", "system", "system_prompt")
	for i, field := range t {
		if field != "" && slices.Contains(names[i+1:], names[i]) {
			return nil, hinted{fmt.Sprintf("two columns are named %q", names[i]), "Rename one of them."}
		}
	}
	return t, nil
}

// weigh reads the columns of what is asked about, too, so that the rows that have such are counted; isText tells those of text.
func (t table) weigh(names []string, isText func(column int) bool) {
	for _, name := range materialFields {
		if i := firstName(names, name); i >= 0 && t[i] == "" && isText(i) {
			t[i] = name
		}
	}
}

// unsent says which columns are named as a field of a request is, and are not sent: those that the experiment decides, and
// those whose values are no text.
func (t table) unsent(names []string) (notes []string) {
	for i, name := range names {
		switch lower := strings.ToLower(name); {
		case t[i] != "" || slices.Contains(ownFields, lower):
		case slices.Contains(decidedFields, lower):
			notes = append(notes, fmt.Sprintf("column %s is left out: the generate block decides it, the same for every prompt", name))
		case slices.Contains(sentFields, lower):
			notes = append(notes, fmt.Sprintf("column %s is left out: a table's columns are text; JSONL sends it", name))
		}
	}
	return notes
}

// ownFields are as likely a user's own columns.
var ownFields = []string{"model", "stream", "stream_options", "n", "functions", "function_call"}

// firstName finds a column by the first of the names that is there, if need be in other letters' case.
func firstName(names []string, wanted ...string) int {
	for _, w := range wanted {
		if i := slices.Index(names, w); i >= 0 {
			return i
		}
	}
	for _, w := range wanted {
		if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, w) }); i >= 0 {
			return i
		}
	}
	return -1
}

// known reports a header with a column that can hold prompts.
func known(column string) func(names []string) bool {
	return func(names []string) bool {
		if column != "" {
			return firstName(names, column) >= 0
		}
		return slices.ContainsFunc(forms, func(f []string) bool { return firstName(names, f[0]) >= 0 })
	}
}

// looksLikeText tells a sentence or a number from the name of a column.
func looksLikeText(name string) bool {
	_, err := strconv.ParseFloat(name, 64)
	return err == nil || len(name) > 60 || len(strings.Fields(name)) > 3 || strings.ContainsAny(name, "?!\n") || strings.HasSuffix(name, ".")
}

// severalNames tells a header whose separator is not known, such as id:prompt or id^prompt, from a name.
func severalNames(header string) bool {
	words := strings.FieldsFunc(header, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_- ./()[]'", r)
	})
	return len(words) > 1 && known("")(textfile.Names(words))
}

// line is a row as a JSON object. Fields of text hold lists of messages as JSON.
func (t table) line(fields []string) ([]byte, error) {
	object := make(map[string]json.RawMessage, len(t))
	for i, field := range t {
		if field == "" || i >= len(fields) || fields[i] == "" {
			continue
		}
		switch field {
		case "messages", "conversations", "conversation":
			if !json.Valid([]byte(fields[i])) {
				return nil, notMessages(fields[i], field)
			}
			object[field] = json.RawMessage(fields[i])
		default:
			text, err := json.Marshal(fields[i])
			if err != nil {
				return nil, err
			}
			object[field] = text
		}
	}
	if t.empty(object) {
		return nil, hinted{"the prompt is empty", "Correct the row, or take it out."}
	}
	return json.Marshal(object)
}

// empty reports a row without anything to ask.
func (t table) empty(object map[string]json.RawMessage) bool {
	for _, f := range forms {
		if given(object[f[0]]) {
			return false
		}
	}
	return true
}

// notMessages is the fault of a column that should hold a list: pandas writes lists with Python's repr, or numpy's, unless
// it is told otherwise.
func notMessages(text, column string) error {
	if start := strings.TrimLeft(text, "[ \n"); strings.HasPrefix(start, "{'") || strings.HasPrefix(text, "array(") {
		return hinted{column + " is Python's way to print a list, not JSON", "Write it with json.dumps, or the table as Parquet or JSONL."}
	}
	return hinted{column + " is no JSON", `It must be a list: [{"role": "user", "content": "…"}].`}
}
