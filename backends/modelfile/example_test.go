package modelfile_test

import (
	"fmt"
	"log"
	"path/filepath"

	"matrix/backends/modelfile"
)

// What a model needs of a card before anything is loaded: its config.json says how many parameters it has, and what one
// token leaves in the KV cache. Gemma 3 keeps only a window of tokens in most layers.
func ExampleReadConfig() {
	c, err := modelfile.ReadConfig(filepath.Join("testdata", "gemma-3-4b-it"))
	if err != nil {
		log.Fatal(err)
	}
	full, sliding := c.KVElements(1)
	fmt.Printf("%s: %.2fB parameters, %s\n", c.ModelType, c.Parameters()/1e9, c.DType)
	fmt.Printf("%d full layers of %d numbers a token\n", c.FullLayers(), full)
	fmt.Printf("%d sliding layers of %d numbers a token, for %d tokens\n", c.SlidingLayers, sliding, c.SlidingWindow)
	// Output:
	// gemma3_text: 3.88B parameters, bfloat16
	// 5 full layers of 2048 numbers a token
	// 29 sliding layers of 2048 numbers a token, for 1024 tokens
}
