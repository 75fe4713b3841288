package dataset_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"matrix/experiments/cell"
	"matrix/experiments/dataset"
)

// Prompts stay on disk: a set knows where each begins.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "prompts.jsonl")
	lines := `{"id": "a", "prompt": "Name a colour."}` + "\n" + `{"id": "b", "messages": [{"role": "user", "content": "And another?"}]}` + "\n"
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		log.Fatal(err)
	}
	set, err := dataset.Open(context.Background(), &cell.Dataset{Path: file})
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	for i := range set.Len() {
		e, err := set.Entry(i)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %q, %d messages\n", e.ID, e.Prompt, len(e.Messages))
	}
	// Output:
	// a: "Name a colour.", 0 messages
	// b: "", 1 messages
}
