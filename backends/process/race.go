//go:build race

package process

import "os"

// Of the race detector's settings one is how long a program of its own sleeps before it ends: a second, unless they say otherwise.
func init() {
	if settings, ok := os.LookupEnv("GORACE"); ok {
		detector = []string{"GORACE=" + settings}
	}
}
