package wire

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// Sizes and offsets of the kernel's struct inet_diag_req_v2 and inet_diag_msg (linux/inet_diag.h).
const (
	diagByFamily   = 20 // SOCK_DIAG_BY_FAMILY
	diagRequest    = unix.SizeofNlMsghdr + 56
	diagMessage    = 72
	diagPort       = 4  // idiag_sport, in both after their first four bytes; the request has its states before it
	diagSource     = 8  // idiag_src of a message
	diagQueued     = 56 // idiag_rqueue: of a listener, connections to be accepted
	diagRoom       = 60 // idiag_wqueue: … and how many may be
	tcpStateListen = 10
)

// acceptQueue reads how many connections wait to be accepted where a server of this machine listens, and how many may;
// ok is false where no listener is to be seen: in another network namespace, or behind an address translation. Of several
// on one port (SO_REUSEPORT) the fullest counts. /proc/net/tcp was the other road: it does not tell the room.
func acceptQueue(server net.Addr) (queued, room int, ok bool) {
	to, isTCP := server.(*net.TCPAddr)
	if !isTCP {
		return 0, 0, false
	}
	families := []byte{unix.AF_INET6} // a listener on [::] takes IPv4 too
	if to.IP.To4() != nil {
		families = []byte{unix.AF_INET, unix.AF_INET6}
	}
	for _, family := range families {
		each := func(address net.IP, now, most int) {
			if !address.IsUnspecified() && !address.Equal(to.IP) {
				return
			}
			if !ok || most-now < room-queued {
				queued, room, ok = now, most, true
			}
		}
		if listeners(family, uint16(to.Port), each) == nil && ok {
			return queued, room, ok
		}
	}
	return queued, room, ok
}

// listeners asks the kernel for the sockets of one family that listen on a port.
func listeners(family byte, port uint16, each func(address net.IP, queued, room int)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// A kernel that says nothing must not hold the gate.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return err
	}
	// All is in the machine's byte order but the port, which is in the network's.
	ask := make([]byte, diagRequest)
	native := binary.NativeEndian
	native.PutUint32(ask[0:], diagRequest)
	native.PutUint16(ask[4:], diagByFamily)
	native.PutUint16(ask[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := ask[unix.SizeofNlMsghdr:]
	body[0], body[1] = family, unix.IPPROTO_TCP
	native.PutUint32(body[4:], 1<<tcpStateListen)
	binary.BigEndian.PutUint16(body[8:], port)
	if err := unix.Sendto(fd, ask, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 16<<10)
	for {
		n, _, err := unix.Recvfrom(fd, answer, 0)
		if err != nil {
			return err
		}
		if over := readListeners(answer[:n], family, port, each); over {
			return nil
		}
	}
}

// readListeners reads the answer to a sock_diag request: messages of variable length, aligned to 4 bytes, in the machine's
// byte order but for ports. It calls each for the listeners of a port; over: there is nothing more to read.
func readListeners(b []byte, family byte, port uint16, each func(address net.IP, queued, room int)) (over bool) {
	native := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr {
		size, kind := int(native.Uint32(b)), native.Uint16(b[4:])
		if size < unix.SizeofNlMsghdr || size > len(b) || kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR {
			return true
		}
		if m := b[unix.SizeofNlMsghdr:size]; len(m) >= diagMessage && binary.BigEndian.Uint16(m[diagPort:]) == port {
			length := net.IPv4len
			if family == unix.AF_INET6 {
				length = net.IPv6len
			}
			each(net.IP(m[diagSource:diagSource+length]), int(native.Uint32(m[diagQueued:])), int(native.Uint32(m[diagRoom:])))
		}
		b = b[min(len(b), (size+3)&^3):] // messages begin at multiples of 4
	}
	return len(b) > 0
}

// acknowledged reports whether the other kernel has all that was written: it had room for the connection then. What
// cannot be told counts as no.
func acknowledged(c net.Conn) bool {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	done := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		done = err == nil && info.Unacked == 0
	})
	return err == nil && done
}
