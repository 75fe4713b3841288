// Package backends owns the contract WITH WHOM a cell talks: Backend, Engine,
// Batcher and the plain data that passes between them and the runner. Each
// engine is a package below this one. It knows no plan and no file format.
package backends
