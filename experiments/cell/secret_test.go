package cell_test

import (
	"testing"

	"matrix/experiments/cell"
)

func TestPublicURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://h:8000/v1":                "http://h:8000/v1",
		"http://h:8000/v1?key=abc":        "http://h:8000/v1",
		"http://h:8000/v1;token=abc":      "http://h:8000/v1",
		"http://h:8000/v1;token=abc?x=1":  "http://h:8000/v1",
		"http://h/v1/;token=abc/models":   "http://h/v1/",
		"http://user:pass;word@h:8000/v1": "http://h:8000/v1",
		"http://user:pass@h?key=abc":      "http://h",
		"http://h/a@b":                    "http://h/a@b",
		"h:8000?key=abc":                  "h:8000",
		"":                                "",
	} {
		if got := cell.PublicURL(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
