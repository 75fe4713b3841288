// Package vllm owns vLLM: offline (the LLM class, driven by an embedded Python
// file) and served (its OpenAI server), both started from the same interpreter.
// It knows flags, log lines and failures of vLLM; processes are started by
// backends/process, streams are read by backends/wire.
package vllm

// Tested names the versions that the tests have run against; those between are expected to work.
const Tested = "0.22.1, 0.32.0"
