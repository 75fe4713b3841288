//go:build !linux

package stamped

import "time"

// Now is the wall clock in nanoseconds: the one that all processes of a host share here. A step of it shows as an error
// of the client.
func Now() int64 { return time.Now().UnixNano() }
