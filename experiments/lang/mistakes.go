package lang

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
)

// explain puts the library's messages about a body's contents into our words, with our suggestions. It returns the
// attributes that are there, misspelt.
// The library's diagnostics have no codes, only summaries, by which they are told here; one that is not known stays as it
// is. They are changed in place. meant keeps a misspelt attribute from being reported as missing, too.
func explain(diags hcl.Diagnostics, files map[string][]byte, body *hcl.BodySchema, where string) (meant map[string]bool) {
	meant = map[string]bool{}
	attributes, blocks := schemaNames(body)
	for _, d := range diags {
		if d.Subject == nil {
			continue
		}
		name := strings.Trim(string(d.Subject.SliceBytes(files[d.Subject.Filename])), `"`)
		switch d.Summary {
		case "Unsupported argument", "Extraneous JSON object property":
			d.Summary = "Unknown attribute"
			d.Detail = fmt.Sprintf("There is no %q %s.%s", name, where, instead(name, blocks, " It is a block: write %s { … } without the equals sign.", attributes, blocks))
			meant[wording.Suggest(name, attributes)] = true
		case "Unsupported block type":
			d.Summary = "Unknown block"
			d.Detail = fmt.Sprintf("There is no block %q %s.%s", name, where, instead(name, attributes, " It is an attribute: write %s = … with an equals sign.", attributes, blocks))
		}
		if kind, extra := strings.CutPrefix(d.Summary, "Extraneous label for "); extra {
			d.Summary = "Extra label"
			d.Detail = fmt.Sprintf("A %s block has %s.", kind, labelsOf(kind, body))
		}
		if kind, missing := strings.CutPrefix(d.Summary, "Missing name for "); missing {
			d.Summary = "Missing label"
			d.Detail = fmt.Sprintf("A block of this kind needs a name: %s \"name\" { … }.", kind)
		}
	}
	return meant
}

// labelsOf says how many labels a block has.
func labelsOf(kind string, body *hcl.BodySchema) string {
	if slices.ContainsFunc(body.Blocks, func(b hcl.BlockHeaderSchema) bool { return b.Type == kind && len(b.LabelNames) > 0 }) {
		return "one label, its name"
	}
	return "no label"
}

// instead is what was meant by a name that is none of a body's: one of the other kind, with how that is written, else the nearest name of
// either.
func instead(name string, others []string, written string, attributes, blocks []string) string {
	if slices.Contains(others, name) {
		return fmt.Sprintf(written, name)
	}
	return cmp.Or(wording.DidYouMean(name, slices.Concat(attributes, blocks)), takes(attributes, blocks))
}

// takes lists what may stand in a body, for who meant nothing that is there.
func takes(attributes, blocks []string) string {
	switch {
	case len(attributes) > 0 && len(blocks) > 0:
		return fmt.Sprintf(" There may stand: %s; and the blocks %s.", strings.Join(attributes, ", "), strings.Join(blocks, ", "))
	case len(blocks) > 0:
		return fmt.Sprintf(" There may stand the blocks %s.", strings.Join(blocks, ", "))
	}
	return fmt.Sprintf(" There may stand: %s.", strings.Join(attributes, ", "))
}

// schemaNames are in the schema's order.
func schemaNames(body *hcl.BodySchema) (attributes, blocks []string) {
	for _, a := range body.Attributes {
		attributes = append(attributes, a.Name)
	}
	for _, b := range body.Blocks {
		blocks = append(blocks, b.Type)
	}
	return attributes, blocks
}
