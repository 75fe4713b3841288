package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"matrix/cmd/matrix/serve/watch"
)

var served = regexp.MustCompile(`http://(\S+)/ shows`)

// looked is what a browser beside an apply was told.
type looked struct {
	launches map[string]string // source of each launch of a cluster's task, by attempt
	measured map[string]bool   // those that told of requests done
	logs     map[string]bool   // those whose engine's log was told
	trees    int               // times that attempts landed
}

// looksOn watches results by matrix serve until the returned function is called.
func (c *cluster) looksOn(t *testing.T, root string) (seen func() looked) {
	t.Helper()
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := c.command("serve", "--results", root, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	at := ""
	for lines := bufio.NewScanner(out); at == "" && lines.Scan(); {
		if m := served.FindStringSubmatch(lines.Text()); m != nil {
			at = m[1]
		}
	}
	r, err := http.Get("http://" + at + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan looked)
	go func() { over <- heard(r.Body) }()
	return func() looked {
		_ = cmd.Process.Kill() // which ends the stream
		defer r.Body.Close()
		return <-over
	}
}

func heard(stream io.Reader) looked {
	l := looked{launches: map[string]string{}, measured: map[string]bool{}, logs: map[string]bool{}}
	event := ""
	for lines := bufio.NewReader(stream); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return l
		}
		if name, is := strings.CutPrefix(line, "event: "); is {
			event = strings.TrimSpace(name)
		}
		text, is := strings.CutPrefix(line, "data: ")
		var now watch.Now
		var log struct{ Of watch.Log }
		switch {
		case !is:
		case event == "tree":
			l.trees++
		case event == "log" && json.Unmarshal([]byte(text), &log) == nil && log.Of.Text != "":
			l.logs[log.Of.Attempt] = true
		case event == "now" && json.Unmarshal([]byte(text), &now) == nil:
			for _, a := range now.Apply {
				for _, x := range a.Launches {
					if strings.HasPrefix(a.Source, "cluster"+string(filepath.Separator)) {
						l.launches[x.Attempt] = a.Source
						l.measured[x.Attempt] = l.measured[x.Attempt] || x.Progress != nil && x.Progress.Done > 0
					}
				}
			}
		}
	}
}
