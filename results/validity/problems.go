package validity

import (
	"fmt"

	"matrix/experiments/cell"
)

// Problems says what is wrong with what a cell asks of its answers: a schema that is none.
func Problems(c *cell.Cell) []cell.Problem {
	if c.Generate == nil {
		return nil
	}
	if err := Compiles(c.Generate.Format); err != nil {
		return []cell.Problem{{Path: "generate.json_schema", Summary: "json_schema is no JSON Schema",
			Detail: fmt.Sprintf("%s. No answer could be held against it.", err)}}
	}
	return nil
}
