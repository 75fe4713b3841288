package ggml

import (
	"strconv"
	"strings"
)

// Failure is what a log or an error says of a launch that failed.
type Failure struct {
	Class       string
	Environment bool // the world's fault, not the cell's
	Hint        string
}

// Sign is what a failure is known by: words, in lower case.
type Sign struct {
	Words string
	Failure
}

// Classify finds the first sign in any of the texts, which stand in the order of their weight.
func Classify(signs []Sign, texts ...string) Failure {
	for _, text := range texts {
		lower := strings.ToLower(text)
		for _, s := range signs {
			if strings.Contains(lower, s.Words) {
				return s.Failure
			}
		}
	}
	return Failure{Class: "exited"}
}

// Count is a number that a log line has, nil where it is none.
func Count(digits string) *int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
