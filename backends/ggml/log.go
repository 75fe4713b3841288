package ggml

import (
	"strconv"
)

// Count is a number that a log line has, nil where it is none.
func Count(digits string) *int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
