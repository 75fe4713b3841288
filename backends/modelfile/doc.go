// Package modelfile owns reading what model files say of themselves without
// loading them: config.json, safetensors headers, GGUF headers, and where the
// Hugging Face cache and Ollama's store keep them. It reads files only, believes
// no length that a header claims, and knows no engine: what the figures mean for
// a memory budget is each engine's own package.
package modelfile
