package telemetry

import (
	"os"
	"strconv"
	"strings"
)

// ListenOverflows is how many connections the kernel has dropped because a listener's backlog was full, since it booted
// and over all listeners of this network namespace (TcpExt in /proc/net/netstat).
func ListenOverflows() (n int64, ok bool) {
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return 0, false
	}
	return listenOverflows(string(text))
}

// listenOverflows reads the two lines of a group: names, then values.
func listenOverflows(netstat string) (n int64, ok bool) {
	var names []string
	for line := range strings.Lines(netstat) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "ListenOverflows" && i < len(fields) {
				n, err := strconv.ParseInt(fields[i], 10, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}
