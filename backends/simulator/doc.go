// Package simulator owns the engine that is none: a server process of our own
// that speaks vLLM's OpenAI API and Ollama's API over a queueing model (slots,
// prefill and decode rates, KV room, load time). It is the quickstart's engine
// and the tests' fixture. Its numbers say nothing about a real engine, so every
// row and report marks them as simulated.
//
// # Tokens
//
// A token is a word: what strings.Fields yields. A chat counts the words of all
// its messages. The generated text is a function of the prompt (and of the seed
// when temperature > 0) alone; so is the length at which it would end by itself,
// which min_tokens and ignore_eos overrule and max_tokens caps.
//
// # Time
//
// A request waits, first come first served, for a free slot and for KV room for
// its whole length. Prefill is one pipe: prompts pass through it one after the
// other at prefill_tokens_per_s. Every decoding sequence then advances at
// decode_tokens_per_s, or at its share of decode_total_tokens_per_s when that is
// less. Nothing is ever preempted.
package simulator
