package syntax

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// MaxBytes bounds a source file.
const MaxBytes = 4 << 20

const (
	maxNesting   = 200  // brackets and templates within each other
	maxOperators = 2000 // in one expression
	maxExponent  = 308  // of a number literal: a larger one would print as that many digits
)

// guard refuses source that is nested too deeply to be parsed safely; nil: it is not.
func guard(src []byte, name string, isJSON bool) *hcl.Diagnostic {
	if isJSON {
		return guardJSON(src, name)
	}
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos) // its mistakes are the parser's to tell
	return guardTokens(tokens)
}

// guardTokens refuses source that is nested too deeply to be parsed safely.
// It goes by the tokens, which are found without recursion.
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

// tooComplex has one message for both bounds.
func tooComplex(at hcl.Range) *hcl.Diagnostic {
	return refusal(at, "Expression too complex",
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
	return refusal(at, "Number out of range", fmt.Sprintf("A number's exponent is at most %d.", maxExponent))
}

// refusal is an error at a place; package diagnostic cannot be used, which parses by this one.
func refusal(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

// guardJSON does the same for JSON syntax, whose strings hold templates. What encoding/json cannot read is the parser's to
// tell.
func guardJSON(src []byte, name string) *hcl.Diagnostic {
	depth := 0
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err != nil {
			return nil
		}
		var found *hcl.Diagnostic
		switch t := t.(type) {
		case json.Delim:
			if depth++; t == '}' || t == ']' {
				depth -= 2
			}
			if depth > maxNesting {
				found = tooComplex(hcl.Range{})
			}
		case string:
			tokens, _ := hclsyntax.LexTemplate([]byte(t), name, hcl.InitialPos) // its mistakes are the parser's to tell
			found = guardTokens(tokens)
		}
		if found != nil {
			end := int(d.InputOffset())
			line := src[bytes.LastIndexByte(src[:end], '\n')+1 : end]
			at := hcl.Pos{Line: 1 + bytes.Count(src[:end], []byte("\n")), Column: max(1, len(line)), Byte: max(0, end-1)}
			found.Subject = &hcl.Range{Filename: name, Start: at, End: hcl.Pos{Line: at.Line, Column: at.Column + 1, Byte: end}}
			return found
		}
	}
}
