package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaEnv names the schema that a script's matrix holds its records against.
const schemaEnv = "MATRIX_TEST_RECORDS"

// checked holds every record of a command with --json against docs/records.schema.json on its way out: one that does not
// fit ends the command with exit code 99, which no script expects. Rows of an export are no records.
func checked(stdout *os.File) io.Writer {
	path := os.Getenv(schemaEnv)
	if path == "" || !slices.Contains(os.Args, "--json") || slices.Contains(os.Args, "export") {
		return stdout
	}
	schema, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		unfit(err, nil)
	}
	return &recordChecker{w: stdout, schema: schema}
}

type recordChecker struct {
	w      io.Writer
	schema *jsonschema.Schema
	rest   []byte // of a line that is not whole yet
}

func (c *recordChecker) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		line, rest, whole := bytes.Cut(c.rest, []byte("\n"))
		if !whole {
			return c.w.Write(p)
		}
		c.rest = rest
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err == nil {
			err = c.schema.Validate(doc)
		}
		if err != nil {
			unfit(err, line)
		}
	}
}

func unfit(err error, line []byte) {
	fmt.Fprintf(os.Stderr, "not as docs/records.schema.json says: %v\n%s\n", err, line)
	os.Exit(99)
}
