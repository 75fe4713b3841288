package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"
)

// registry is an Ollama registry on loopback that knows one model, lab/tiny:1 of 10 bytes; its address is $REGISTRY.
func registry(ts *testscript.TestScript, neg bool, args []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/lab/tiny/manifests/1" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"config":{"digest":"sha256:%064d","size":3},"layers":[{"digest":"sha256:%064d","size":7}]}`, 1, 2)
	}))
	ts.Defer(server.Close)
	ts.Setenv("REGISTRY", server.URL)
}
