// Package load owns the shapes in which requests are offered to an engine: all at
// once, a fixed number in flight, or by a schedule of arrivals. It makes no
// request, keeps no result and starts no engine.
package load
