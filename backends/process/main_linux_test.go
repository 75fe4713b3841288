package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the engine: MODE says what it does.
func TestMain(m *testing.M) {
	MainIfAsked()
	switch os.Getenv("MODE") {
	case "":
		os.Exit(m.Run())
	case "sleep":
		sleep()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		sleep()
	case "family":
		family()
	case "orphaner":
		spawn("stubborn", true)
	case "exit":
		code, _ := strconv.Atoi(os.Getenv("CODE"))
		fmt.Println("leaving with", code)
		os.Exit(code)
	case "echo":
		in, out := os.NewFile(3, "in"), os.NewFile(4, "out")
		io.Copy(out, in)
	case "matrix":
		matrix()
	case "print":
		fmt.Print(os.Getenv("TEXT"))
	}
}

func sleep() {
	fmt.Println("ready")
	time.Sleep(2 * time.Minute)
}

// family is an engine whose workers do everything to be forgotten.
func family() {
	spawn("stubborn", false) // a plain child
	spawn("stubborn", true)  // leaves session and group
	spawn("orphaner", true).Wait()
	sleep()
}

func spawn(mode string, leave bool) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), "MODE="+mode)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: leave}
	if err := c.Start(); err != nil {
		panic(err)
	}
	return c
}

// matrix is a parent that is killed: it starts a family and waits.
func matrix() {
	p, err := Start(context.Background(), Command{
		Argv: []string{"/proc/self/exe"}, Env: append(os.Environ(), "MODE=family"),
		LogPath: os.Getenv("LOG"), Attempt: os.Getenv("ATTEMPT"),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.GuardPID())
	time.Sleep(2 * time.Minute)
}
