// Package stamped is a server that streams as vLLM (SSE) and Ollama (NDJSON) do, and generates nothing: each event's text
// is the moment at which it was written. It is what the client is measured against, from another process on the same
// host, and counts from its own side what the client delivers. It knows no client.
package stamped
