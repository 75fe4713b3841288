package telemetry

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"

	gnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// Serves reports whether a process of this machine listens at one of the URLs, or descends from one that does: an
// engine on a GPU is often its server's child. What cannot be told (another user's sockets) is false.
func Serves(ctx context.Context, pid int, urls []string) bool {
	ports := localPorts(urls)
	if len(ports) == 0 {
		return false
	}
	connections, err := gnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return false
	}
	listeners := map[int32]bool{}
	for _, c := range connections {
		if c.Status == "LISTEN" && c.Pid > 0 && slices.Contains(ports, c.Laddr.Port) {
			listeners[c.Pid] = true
		}
	}
	const generations = 16 // a tree of processes is not deeper
	for at, n := int32(pid), 0; at > 1 && n < generations; n++ {
		if listeners[at] {
			return true
		}
		p, err := process.NewProcessWithContext(ctx, at)
		if err != nil {
			return false
		}
		if at, err = p.PpidWithContext(ctx); err != nil {
			return false
		}
	}
	return false
}

// localPorts are the ports of those URLs that lead to this machine.
func localPorts(urls []string) []uint32 {
	var ports []uint32
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		ip := net.ParseIP(u.Hostname())
		if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback() && !ip.IsUnspecified()) {
			continue
		}
		port := map[string]int{"http": 80, "https": 443}[u.Scheme]
		if n, err := strconv.Atoi(u.Port()); err == nil {
			port = n
		}
		ports = append(ports, uint32(port))
	}
	return ports
}
