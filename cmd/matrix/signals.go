package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signals turns the first ^C (or SIGTERM) into a canceled context and the second into hard closed. What still
// runs a second after that is cut off: the guards end the engines.
func signals(parent context.Context) (ctx context.Context, hard <-chan struct{}) {
	ctx, cancel := context.WithCancel(parent)
	now := make(chan struct{})
	got := make(chan os.Signal, 3)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-got
		cancel()
		<-got
		close(now)
		time.Sleep(time.Second)
		os.Exit(codeInterrupted)
	}()
	return ctx, now
}
