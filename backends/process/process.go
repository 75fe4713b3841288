// Package process owns the operating-system side of an engine: it starts one
// command under a guard process that ends every descendant when matrix dies,
// and stops it by group. It knows no engine.
package process

import (
	"context"
	"os"
	"time"
)

// Command is what to start.
type Command struct {
	Argv       []string
	Env        []string // complete; nothing is inherited
	Dir        string
	LogPath    string     // stdout and stderr, opened O_APPEND
	ExtraFiles []*os.File // the command's descriptors 3, 4, …
	Attempt    string     // MATRIX_ATTEMPT for it and its descendants
}

// Process is one started command with its guard.
type Process struct{ state }

// Exit says how the command ended.
type Exit struct {
	Code   int    // -1 when a signal ended it
	Signal string // "killed"
	At     time.Time
}

var _ = context.Background
