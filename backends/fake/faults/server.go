package faults

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"matrix/backends/wire"
)

// Server plays one fault to every request, on a loopback port of its own.
type Server struct {
	fault    Fault // the same for every request
	protocol wire.Protocol
	listener net.Listener
	address  string            // host:port
	wg       sync.WaitGroup    // accept and every conversation
	done     chan struct{}     // ends pauses
	mu       sync.Mutex        // guards conns and seen
	conns    map[net.Conn]bool // open ones, for Close
	seen     map[[32]byte]int  // requests by their body
}

// nobody is an address where nobody listens: tcpmux, which no system runs any more. A port that was free and closed
// again would not do, the kernel soon gives it to a server of another test.
const nobody = "127.0.0.1:1"

// Serve starts a server. Close must be called.
func Serve(f Fault, p wire.Protocol) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve faults: %w", err)
	}
	s := &Server{
		fault: f, protocol: p, listener: l, address: l.Addr().String(), done: make(chan struct{}),
		conns: map[net.Conn]bool{}, seen: map[[32]byte]int{},
	}
	if f.Play == nil {
		l.Close()
		s.address = nobody
		return s, nil
	}
	s.wg.Go(s.accept)
	return s, nil
}

// URL is the endpoint of the server's protocol.
func (s *Server) URL() string { return s.Base() + s.protocol.Path() }

// Base is the server's address, by which a backend attaches to it.
func (s *Server) Base() string { return "http://" + s.address }

// asked reports a request for an answer; a load is one to Ollama's endpoint without a prompt.
func (s *Server) asked(r *http.Request, body []byte) bool {
	return r.URL.Path == s.protocol.Path() && (s.protocol != wire.NDJSONGenerate || bytes.Contains(body, []byte(`"prompt"`)))
}

// abouts are what a well server says beside its answers: only those are at fault.
var abouts = map[string]string{
	"/v1/models":    `{"data":[{"id":"` + Model + `","owned_by":"vllm","max_model_len":4096}]}`,
	"/health":       `{"status":"ok"}`,
	"/version":      `{"version":"0.32.0"}`,
	"/api/version":  `{"version":"0.33.0"}`,
	"/api/show":     `{"template":"x","capabilities":["completion"],"model_info":{"tokenizer.ggml.add_bos_token":true}}`,
	"/api/ps":       `{"models":[{"name":"` + Model + `:latest","size":1,"size_vram":1,"context_length":4096}]}`,
	"/api/generate": `{"model":"` + Model + `","done":true,"done_reason":"load"}`,
}

// about is 404 for what it does not know, as from a server that lacks an endpoint.
func (c *Conn) about(r *http.Request) {
	text, known := abouts[r.URL.Path]
	if !known {
		c.Plain(http.StatusNotFound, "")
		return
	}
	c.Plain(http.StatusOK, text, "Content-Type: application/json")
}

// Close ends every connection and waits for all that was started.
func (s *Server) Close() {
	close(s.done)
	s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// accept takes connections until the server is closed.
func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			s.converse(c)
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
			c.Close()
		})
	}
}

// converse answers requests until the fault ends the connection.
func (s *Server) converse(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		conn := &Conn{tcp: c, reader: r, protocol: s.protocol, done: s.done}
		if s.asked(request, body) {
			conn.Attempt = s.count(body)
			s.fault.Play(conn)
		} else {
			conn.about(request)
		}
		if conn.over {
			return
		}
	}
}

// count knows a second send by its body, which is the same then.
func (s *Server) count(body []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256(body)
	s.seen[key]++
	return s.seen[key]
}
