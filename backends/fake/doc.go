// Package fake is the server that is no engine, in the modes that matrix has a use for: queueing generates by a model of
// a batching engine, stamped says the moment of each event and is what the client is measured against, and faults, which
// only tests serve, ends in every way that a client must survive. They speak the APIs in the words of package answer.
package fake

import (
	"matrix/backends/fake/queueing"
	"matrix/backends/fake/stamped"
)

// MainIfAsked is called first in main and TestMain. Where the process was started as a fake server, it serves and never
// returns.
func MainIfAsked() {
	queueing.MainIfAsked()
	stamped.MainIfAsked()
}
