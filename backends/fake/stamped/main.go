package stamped

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// marker is the argument by which a program, executed once more, is the mock.
const marker = "mock-server"

// MainIfAsked is called first in main and TestMain. Where the process was started as the mock, it serves until its
// standard input ends and never returns.
func MainIfAsked() {
	if len(os.Args) != 2 || os.Args[1] != marker {
		return
	}
	signal.Ignore(os.Interrupt) // a ^C of the terminal ends our parent, and that ends us
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "mock: listen:", err)
		os.Exit(1)
	}
	fmt.Println("http://" + listener.Addr().String())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // it ends with our parent, however that dies
		os.Exit(0)
	}()
	New().Serve(listener)
	os.Exit(1)
}

// Process is a mock in a process of its own.
type Process struct {
	URL string // http://127.0.0.1:PORT
	cmd *exec.Cmd
	in  interface{ Close() error } // the mock's standard input: its end is the mock's
}

// Start executes this program once more as a mock; its main must begin with MainIfAsked. wrap is put before the
// command line, to pin it to a core for instance: {"taskset", "-c", "0"}.
func Start(ctx context.Context, wrap ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the mock: %w", err)
	}
	argv := append(wrap, self, marker)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", max(1, runtime.NumCPU()/2)), "GOGC=400")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the mock: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the mock: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the mock: %w", err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("start the mock: it ended before it listened: %w", cmd.Wait())
	}
	return &Process{URL: strings.TrimSpace(url), cmd: cmd, in: in}, nil
}

// Close ends the process and waits for it.
func (p *Process) Close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}
