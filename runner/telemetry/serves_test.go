package telemetry

import (
	"net"
	"os"
	"runtime"
	"testing"
)

// The process that listens is the server, and so is its child; another port's, or another machine's, is not.
func TestServes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sockets are listed by process on Linux")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	here := "http://" + l.Addr().String() + "/v1"
	for name, tt := range map[string]struct {
		pid  int
		urls []string
		want bool
	}{
		"listens":         {os.Getpid(), []string{"http://10.0.0.9:8000", here}, true},
		"its parent":      {os.Getppid(), []string{here}, false},
		"another port":    {os.Getpid(), []string{"http://127.0.0.1:1"}, false},
		"another machine": {os.Getpid(), []string{"http://10.0.0.9:8000"}, false},
		"no process":      {1 << 30, []string{here}, false},
	} {
		if got := Serves(t.Context(), tt.pid, tt.urls); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
