package faults

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"

	"matrix/backends/wire"
)

// Conn is the server's side of one exchange, in the hands of a fault.
type Conn struct {
	Attempt  int           // how often this very request has come, 1 at first
	tcp      net.Conn      // bare, for Reset
	reader   *bufio.Reader // of tcp; a request's body has been read from it
	protocol wire.Protocol
	done     chan struct{} // closed by Server.Close
	over     bool          // the connection is of no further use
	bare     bool          // the body is not chunked
}

// Raw writes bytes as they are.
// Each call is a write of its own, and so a TCP segment: Go sets TCP_NODELAY. An error means that the client went away.
func (c *Conn) Raw(text string) {
	if _, err := c.tcp.Write([]byte(text)); err != nil {
		c.over = true
	}
}

// Head begins a good answer. More header lines may be given.
func (c *Conn) Head(lines ...string) {
	c.Raw("HTTP/1.1 200 OK\r\nContent-Type: " + c.form().ContentType() + "\r\nTransfer-Encoding: chunked\r\n" + joined(lines) + "\r\n")
}

// HeadBare begins an answer whose end is the connection's.
func (c *Conn) HeadBare(lines ...string) {
	c.bare, c.over = true, true
	c.Raw("HTTP/1.1 200 OK\r\nConnection: close\r\n" + joined(lines) + "\r\n")
}

// joined ends each line, the last too, so that none are no empty line: that would end the header.
func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// Say writes a piece of the body, one HTTP chunk and one TCP segment of its own.
func (c *Conn) Say(text string) {
	if !c.bare {
		text = fmt.Sprintf("%x\r\n%s\r\n", len(text), text)
	}
	c.Raw(text)
}

// End ends the body in order.
func (c *Conn) End() {
	if !c.bare {
		c.Raw("0\r\n\r\n")
	}
}

// Plain is a whole answer that is no stream.
func (c *Conn) Plain(status int, body string, lines ...string) {
	c.Raw(fmt.Sprintf("HTTP/1.1 %d Status\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), joined(lines), body))
}

// Reset breaks the connection so that the client sees ECONNRESET.
// SetLinger(0) has the kernel send RST in place of FIN, and drop what was not yet sent.
func (c *Conn) Reset() {
	c.over = true
	if tcp, ok := c.tcp.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.tcp.Close()
}

// Hangup closes the connection without ceremony.
func (c *Conn) Hangup() {
	c.over = true
	c.tcp.Close()
}

// Stall says nothing more until the client goes away.
// The read ends when the client closes, or the server does.
func (c *Conn) Stall() {
	c.over = true
	_, _ = c.reader.ReadByte()
}

// Pause lets time pass, less when the server closes.
func (c *Conn) Pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return !c.over
	case <-c.done:
		return false
	}
}
