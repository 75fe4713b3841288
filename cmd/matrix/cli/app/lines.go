package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of standard input, in bytes.
const maxLine = 1 << 20

// Lines reads in the background, since a read of a terminal cannot be interrupted: after ^C the goroutine stays in its
// read until the program ends, which it then does at once. The error comes when the lines have ended.
// Both channels must be read: the error is sent once, nil at the end of the input.
func Lines(ctx context.Context, r io.Reader) (<-chan string, <-chan error) {
	out, end := make(chan string), make(chan error, 1)
	go func() {
		defer close(out)
		s := bufio.NewScanner(r)
		s.Buffer(nil, maxLine)
		for s.Scan() {
			select {
			case out <- s.Text():
			case <-ctx.Done():
				end <- nil
				return
			}
		}
		if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
			end <- fmt.Errorf("read standard input: a line is longer than %d bytes", maxLine)
		} else {
			end <- err
		}
	}()
	return out, end
}
