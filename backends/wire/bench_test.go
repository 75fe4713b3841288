package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"matrix/backends"
)

const benchEvents = 128

// benchBody is an answer of 128 events in vLLM's or Ollama's form.
func benchBody(p Protocol) []byte {
	var b bytes.Buffer
	for i := range benchEvents {
		if p.SSE() {
			fmt.Fprintf(&b, "data: {\"id\":\"cmpl-87d1e2e1278da695\",\"object\":\"text_completion\",\"created\":1795463908,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\" word%d\",\"logprobs\":null,\"finish_reason\":null,\"stop_reason\":null,\"prompt_token_ids\":null,\"token_ids\":null}]}\n\n", i)
		} else {
			fmt.Fprintf(&b, "{\"model\":\"m\",\"created_at\":\"2026-11-23T20:53:07.%09dZ\",\"response\":\" word%d\",\"done\":false}\n", i*1234567, i)
		}
	}
	if p.SSE() {
		b.WriteString("data: {\"id\":\"cmpl-87d1e2e1278da695\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":128}}\n\ndata: [DONE]\n\n")
	} else {
		b.WriteString("{\"model\":\"m\",\"response\":\"\",\"done\":true,\"done_reason\":\"length\",\"total_duration\":5,\"eval_count\":128,\"prompt_eval_count\":12}\n")
	}
	return b.Bytes()
}

// BenchmarkScan is the scanner alone: coalesced events out of memory.
func BenchmarkScan(b *testing.B) {
	for _, p := range []Protocol{OpenAICompletions, NDJSONGenerate} {
		b.Run(p.String(), func(b *testing.B) {
			body := benchBody(p)
			call := &Call{Protocol: p, Model: "m", Request: backends.Request{MaxTokens: benchEvents}}
			r := bytes.NewReader(nil)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var reply backends.Reply
				r.Reset(body)
				read(r, call, &reply, func() {})
				if reply.Status != backends.OK || reply.Chunks != benchEvents {
					b.Fatal(reply.Status, reply.Error, reply.Chunks)
				}
			}
			b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRequest is a whole exchange over loopback, server included.
func BenchmarkRequest(b *testing.B) {
	body := benchBody(OpenAICompletions)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client := New(Options{Connections: 4})
	defer client.Close()
	call := Call{URL: server.URL, Body: []byte(`{}`), Protocol: OpenAICompletions, Request: backends.Request{MaxTokens: benchEvents, Timeout: time.Minute}}
	b.ReportAllocs()
	for b.Loop() {
		if r := client.Do(b.Context(), call); r.Status != backends.OK || r.Chunks != benchEvents {
			b.Fatal(r.Status, r.Error)
		}
	}
	b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "events/s")
}
