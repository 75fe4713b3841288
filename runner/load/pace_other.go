//go:build !linux

package load

import (
	"context"
	"time"
)

// pacer waits with Go's timers, which may be late by a millisecond; client_queue_s shows it.
type pacer struct{}

func newPacer() *pacer { return &pacer{} }

func (*pacer) close() {}

func (*pacer) until(ctx context.Context, at time.Time) bool { return sleepUntil(ctx, at) }
