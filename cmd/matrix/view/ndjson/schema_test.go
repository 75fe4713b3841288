package ndjson

import (
	"encoding"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/records.schema.json")

// schemaFile is what programs that read --json go by.
const schemaFile = "../../../../docs/records.schema.json"

// records are all types of record, in the order of the page.
var records = []Record{Version{}, Error{}, Warning{}, Diagnostic{}, PlannedCell{}, PlanSummary{}, Explanation{}, Graph{}, Value{}, Validated{},
	Event{}, Waiting{}, BisectStep{}, Bisected{}, TuneRound{}, TuneBest{}, ClusterRun{}, Submitted{}, LaunchDone{}, ClusterProgress{}, Jobs{}, Claim{}, GroupSummary{},
	Status{}, Launch{}, Unfinished{}, Attempt{}, Tainted{}, Accepted{}, Problem{}, VerifySummary{}, MergedAttempt{}, MergeSummary{}, Imported{}, Exported{},
	Report{}, Score{}, Comparison{}, Geomean{}, Gate{}, Era{}, Unpaired{}, Judgement{}, Recipe{}, Finding{}, Calibration{}, Download{}, Fetching{}, FetchProgress{}, Fetched{}, DryRun{}, Unused{}, Collected{}}

// TestSchema holds docs/records.schema.json against the structs that are written: it is made from them, comments included.
func TestSchema(t *testing.T) {
	docs := comments(t)
	defs, kinds := map[string]any{}, []any{}
	for _, r := range records {
		name := reflect.TypeOf(r).Name()
		def := docs.object(reflect.TypeOf(r))
		types := any(map[string]any{"const": r.Type()})
		if name == "Event" {
			types = map[string]any{"enum": EventKinds}
		}
		def["properties"].(map[string]any)["type"] = types
		def["required"] = append([]string{"type"}, def["required"].([]string)...)
		defs[name] = def
		kinds = append(kinds, map[string]any{"$ref": "#/$defs/" + name})
	}
	kinds = append(kinds, map[string]any{"$ref": "report.schema.json#/$defs/answer"})
	doc := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Records of matrix --json",
		"description": "One JSON document a line; the first is of type version. Made from cmd/matrix/view/ndjson by go test -update.", "anyOf": kinds, "$defs": defs}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(schemaFile)
	if err != nil || string(kept) != string(text) {
		t.Errorf("docs/records.schema.json is not what the structs say (%v): go test ./cmd/matrix/view/ndjson -update", err)
	}
}

// TestEveryRecordHasASchema finds the structs with a type that records leaves out.
func TestEveryRecordHasASchema(t *testing.T) {
	known := map[string]bool{}
	for _, r := range records {
		known[reflect.TypeOf(r).Name()] = true
	}
	for _, file := range parsed(t) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Type" {
				continue
			}
			if name := f.Recv.List[0].Type.(*ast.Ident).Name; !known[name] {
				t.Errorf("%s is in no schema", name)
			}
		}
	}
}

// TestMarshalBeginsWithTheType: a reader may cut a line short and still know what it was.
func TestMarshalBeginsWithTheType(t *testing.T) {
	for _, r := range records {
		line, err := Marshal(r)
		if err != nil || !strings.HasPrefix(string(line), `{"type":`) || !strings.HasSuffix(string(line), "}\n") || !json.Valid(line) {
			t.Errorf("%T: %s (%v)", r, line, err)
		}
	}
}

// fieldDocs are the comments of structs and of their fields: "Event", "Event.Phase".
type fieldDocs map[string]string

func parsed(t *testing.T) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func comments(t *testing.T) fieldDocs {
	docs := fieldDocs{}
	for _, file := range parsed(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			d, ok := n.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				return true
			}
			spec := d.Specs[0].(*ast.TypeSpec)
			docs[spec.Name.Name] = strings.Join(strings.Fields(d.Doc.Text()), " ")
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						docs[spec.Name.Name+"."+name.Name] = strings.TrimSpace(f.Comment.Text())
					}
				}
			}
			return true
		})
	}
	return docs
}

// object is the schema of a struct as encoding/json writes it.
func (docs fieldDocs) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		property := docs.value(f.Type)
		if text := docs[t.Name()+"."+f.Name]; text != "" {
			property["description"] = text
		}
		properties[name] = property
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if text := docs[t.Name()]; text != "" {
		out["description"] = text
	}
	return out
}

// value is the schema of a type. What another document describes, such as a manifest, is any object here.
func (docs fieldDocs) value(t reflect.Type) map[string]any {
	ours := strings.HasSuffix(t.PkgPath(), "/ndjson") || strings.HasSuffix(t.PkgPath(), "matrix/experiments") || strings.Contains(t.PkgPath(), "matrix/experiments/")
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return map[string]any{"anyOf": []any{docs.value(t.Elem()), map[string]any{"type": "null"}}}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return map[string]any{"type": "string"}
	case t.Kind() == reflect.Struct && ours:
		return docs.object(t)
	case t.Kind() == reflect.Struct:
		return map[string]any{"type": "object"}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": docs.value(t.Elem())}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": docs.value(t.Elem())}
	case t.Kind() == reflect.Interface:
		return map[string]any{}
	}
	i := slices.IndexFunc(jsonTypes, func(x jsonType) bool { return slices.Contains(x.kinds, t.Kind()) })
	return map[string]any{"type": jsonTypes[i].name}
}

type jsonType struct {
	name  string
	kinds []reflect.Kind
}

var jsonTypes = []jsonType{{"string", []reflect.Kind{reflect.String}}, {"boolean", []reflect.Kind{reflect.Bool}}, {"number", []reflect.Kind{reflect.Float64}},
	{"integer", []reflect.Kind{reflect.Int, reflect.Int32, reflect.Int64}}}
