package experiments

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds of what a source file may hold. The parsers recurse, and a Go stack that overflows cannot be recovered
// from, so nesting is measured on the tokens before anything is parsed.
const (
	maxSourceBytes = 4 << 20 // of one HCL file
	maxNesting     = 200     // brackets and templates within each other
	maxOperators   = 2000    // in one expression
	maxExponent    = 308     // of a number literal: a larger one would print as that many digits
)

// guardTokens refuses source that is nested too deeply to be parsed safely.
func guardTokens(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	type level struct {
		lines     bool // a newline ends an expression here: between braces, not between parentheses
		operators int
	}
	levels := []level{{lines: true}}
	for _, t := range tokens {
		top := &levels[len(levels)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			top.operators++
			levels = append(levels, level{lines: t.Type == hclsyntax.TokenOBrace})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			levels = levels[:max(1, len(levels)-1)]
		case hclsyntax.TokenComma:
			top.operators = 0
		case hclsyntax.TokenNewline, hclsyntax.TokenComment: // a # comment swallows its newline
			if top.lines {
				top.operators = 0
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
		case hclsyntax.TokenNumberLit:
			if d := guardNumber(string(t.Bytes), t.Range); d != nil {
				return d
			}
		default:
			top.operators++
		}
		if len(levels) > maxNesting || top.operators > maxOperators {
			return tooComplex(t.Range)
		}
	}
	return nil
}

func tooComplex(at hcl.Range) *hcl.Diagnostic {
	return mistake(at, "Expression too complex",
		fmt.Sprintf("Brackets may stand within each other %d deep, and one expression may hold %d operators. Split it into locals.",
			maxNesting, maxOperators))
}

// guardNumber refuses a literal such as 1e999999999, which would print as a gigabyte of digits.
func guardNumber(text string, at hcl.Range) *hcl.Diagnostic {
	_, exp, found := strings.Cut(strings.ToLower(text), "e")
	if !found {
		return nil
	}
	if n, err := strconv.ParseFloat(exp, 64); err == nil && math.Abs(n) <= maxExponent {
		return nil
	}
	return mistake(at, "Number out of range", fmt.Sprintf("A number's exponent is at most %d.", maxExponent))
}

// guardJSON does the same for JSON syntax, whose strings hold templates.
func guardJSON(src []byte, filename string) *hcl.Diagnostic {
	depth := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(src, i)
			if d := guardJSONString(src[i:end], filename); d != nil {
				at := jsonRange(src, filename, i, end)
				d.Subject = &at
				return d
			}
			i = end - 1
		case 'e', 'E':
			end := i + 1
			for end < len(src) && strings.IndexByte("+-0123456789", src[end]) >= 0 {
				end++
			}
			if end > i+1 {
				if d := guardNumber(string(src[i:end]), hcl.Range{}); d != nil {
					at := jsonRange(src, filename, i, end)
					d.Subject = &at
					return d
				}
			}
		}
		if depth > maxNesting {
			return tooComplex(jsonRange(src, filename, i, i+1))
		}
	}
	return nil
}

// stringEnd is the offset behind the JSON string that opens at start.
func stringEnd(src []byte, start int) int {
	for i := start + 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}

func guardJSONString(quoted []byte, filename string) *hcl.Diagnostic {
	var text string
	if json.Unmarshal(quoted, &text) != nil || !strings.Contains(text, "{") {
		return nil
	}
	tokens, _ := hclsyntax.LexTemplate([]byte(text), filename, hcl.InitialPos) // its mistakes are the parser's to tell
	loops, parts := 0, 0
	for _, t := range tokens {
		switch {
		case t.Type == hclsyntax.TokenTemplateInterp || t.Type == hclsyntax.TokenTemplateControl:
			parts++
		case t.Type == hclsyntax.TokenIdent && string(t.Bytes) == "for":
			loops++
		}
	}
	if loops > maxJSONLoops || parts > maxJSONParts {
		return mistake(hcl.Range{}, "Expression too complex", fmt.Sprintf(
			"A string of JSON syntax may hold %d for expression and %d templates. Split it into locals, or write it in HCL.", maxJSONLoops, maxJSONParts))
	}
	return guardTokens(tokens)
}

// In JSON syntax the evaluation cannot be counted (see budget), so what could run away is not taken at all.
const (
	maxJSONLoops = 1  // for expressions in one string
	maxJSONParts = 32 // templates in one string
)

// jsonRange turns byte offsets into a range; it reads the source from its start, so it is for a mistake only.
func jsonRange(src []byte, filename string, start, end int) hcl.Range {
	pos := func(at int) hcl.Pos {
		line := 1 + strings.Count(string(src[:at]), "\n")
		return hcl.Pos{Line: line, Column: at - strings.LastIndex(string(src[:at]), "\n"), Byte: at}
	}
	return hcl.Range{Filename: filename, Start: pos(start), End: pos(end)}
}
