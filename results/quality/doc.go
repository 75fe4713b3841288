// Package quality compares what cells answered to the same prompts: how far two cells agree, how good an answer is
// against a reference, how often there was none. It reads outputs.parquet; it asks nobody, but for a Judge that is told
// to. Agreement says that two cells do the same, not that either is right.
package quality
