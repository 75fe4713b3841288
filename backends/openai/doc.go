// Package openai owns how a running server with OpenAI's API is attached to, by
// its URL: one request at a time with streaming, or whole batches through the
// Batch API. It launches nothing; streams are read by package wire.
package openai
