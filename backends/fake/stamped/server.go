package stamped

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"matrix/backends/process"
)

// Now is a time in nanoseconds by a clock that all processes of a host share. Where only the wall clock is one, a step of it
// shows as an error of the client.
func Now() int64 {
	return cmp.Or(process.Monotonic(), time.Now().UnixNano())
}

// Server answers on any number of listeners. HTTP is read by hand: net/http's server would cost more than the client
// that is to be measured.
type Server struct {
	mu       sync.Mutex // guards settings and patterns
	settings Settings
	patterns map[string]*pattern // by path, for the settings
	tally
}

// New makes a mock with 128 tokens in one write.
func New() *Server {
	s := &Server{}
	s.set(Settings{Tokens: 128})
	return s
}

// Serve accepts until the listener is closed.
func (s *Server) Serve(l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of files: those in use end some time
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go s.converse(c)
	}
}

// set takes new settings for the requests to come, and begins counting anew.
func (s *Server) set(settings Settings) {
	patterns := map[string]*pattern{}
	for path, form := range forms {
		patterns[path] = makePattern(form, max(1, settings.Tokens))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.patterns = settings, patterns
	s.begin()
}

// converse answers the requests of one connection.
func (s *Server) converse(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 4<<10)
	var own copied
	for {
		path, body, err := readRequest(in)
		if err != nil {
			return
		}
		arrived := Now()
		s.mu.Lock()
		p, gap := s.patterns[path], s.settings.Gap
		s.mu.Unlock()
		if p == nil {
			err = s.control(c, path, body)
		} else {
			err = s.play(c, own.of(p), gap, arrived)
		}
		if err != nil {
			return
		}
	}
}

// copied is one connection's copy of a pattern, to write moments into.
type copied struct {
	*pattern
	own []byte // written to between two answers, by this connection alone
}

// of is the connection's own copy of a pattern, made anew only when the pattern is another.
func (a *copied) of(p *pattern) *copied {
	if a.pattern != p {
		a.pattern, a.own = p, bytes.Clone(p.bytes)
	}
	return a
}

// play sends one answer.
func (s *Server) play(c net.Conn, a *copied, gap time.Duration, arrived int64) error {
	s.enter(arrived)
	err := s.write(c, a, gap, arrived)
	s.leave(Now(), err == nil)
	return err
}

// write sends an answer at its pace, each token at its own time after the first byte of the request came: a wait after each
// write would add up to more than was set.
func (s *Server) write(c net.Conn, a *copied, gap time.Duration, arrived int64) error {
	a.arrived(a.own, arrived)
	if gap <= 0 {
		now := Now()
		for i := range a.stamps {
			a.stamp(a.own, i, now)
		}
		_, err := c.Write(a.own)
		return err
	}
	began, sent := time.Now(), 0
	for i := range a.stamps {
		due := time.Duration(i+1) * gap
		time.Sleep(due - time.Since(began))
		s.late(time.Since(began) - due)
		a.stamp(a.own, i, Now())
		end := a.ends[i]
		if i == len(a.stamps)-1 {
			end = a.ends[i+1] // the last token and the end mark come together
		}
		if _, err := c.Write(a.own[sent:end]); err != nil {
			return err
		}
		sent = end
	}
	return nil
}

// readRequest reads one request and returns its path, without the query, and its body.
func readRequest(in *bufio.Reader) (path string, body []byte, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", nil, err
	}
	_, target, _ := strings.Cut(string(line), " ")
	path, _, _ = strings.Cut(target, " ")
	path, _, _ = strings.Cut(path, "?")
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", nil, err
		}
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte{':'})
		if !ok {
			break
		}
		if len(name) == len("content-length") && strings.EqualFold(string(name), "content-length") {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 {
				return "", nil, fmt.Errorf("read a request: a length of %q", value)
			}
		}
	}
	if !strings.HasPrefix(path, "/mock/") { // what is asked for plays no role
		_, err = in.Discard(length)
		return path, nil, err
	}
	body = make([]byte, min(length, 1<<16))
	_, err = io.ReadFull(in, body)
	return path, body, err
}

// control answers what is no generation.
func (s *Server) control(c net.Conn, path string, body []byte) error {
	switch path {
	case "/mock/settings":
		var settings Settings
		if err := json.Unmarshal(body, &settings); err != nil {
			return respond(c, 400, map[string]string{"error": err.Error()})
		}
		s.set(settings)
		return respond(c, 200, settings)
	case "/mock/counts":
		return respond(c, 200, s.counts())
	case "/v1/models":
		return respond(c, 200, map[string]any{"object": "list", "data": []any{map[string]any{"id": "mock", "object": "model", "owned_by": "matrix", "max_model_len": 1 << 20}}})
	case "/health", "/":
		return respond(c, 200, map[string]string{"status": "ok"})
	}
	return respond(c, 404, map[string]string{"error": "the mock has no " + path})
}

// respond answers what is no measured request.
func respond(c net.Conn, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "HTTP/1.1 %d mock\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", status, len(body), body)
	return err
}
