package llamacpp

import (
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// grammarOf is a grammar (GBNF) of which each of some texts is the whole: llama-server has no other word for a choice.
func grammarOf(choice []string) string {
	var b strings.Builder
	b.WriteString("root ::= ")
	for i, text := range choice {
		if i > 0 {
			b.WriteString(" | ")
		}
		b.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`)
	}
	return b.String()
}

// refuses says what llama-server passes over without a word: its answers would be free, and found invalid one by one.
func refuses(_ *cell.Cell, field, _ string) string {
	if field != "response_format" && slices.Contains(cell.FormatFields, field) {
		return "llama.cpp has no " + field + " (it has response_format and grammar)"
	}
	return ""
}
