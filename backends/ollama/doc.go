// Package ollama owns how an Ollama server is found, started, given its model,
// loaded, asked and stopped, in both of its eras: with a runner of its own (up
// to 0.24) and with llama-server (from 0.30 on). Streams are package wire's,
// processes package process's.
package ollama
