// Package install owns engines as they are installed: what a block asks for is pinned by a lock, what a lock pins is made
// once, in a folder of its own that is whole or not there. It knows uv, pip and Go's tool; it starts no engine and knows none.
package install
