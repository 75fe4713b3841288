//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"matrix/backends"
	"matrix/backends/fake/stamped"
	"matrix/backends/wire"
	"matrix/experiments/cell"
	"matrix/runner/calibrate"
	"matrix/runner/load"
)

// floor is the least that any client can do on this kernel: one thread, epoll, read and discard. It parses nothing; an
// answer has ended when a read ends in HTTP's last chunk. What a client costs above it is the client's own.
type floor struct {
	epoll   int
	timer   int
	to      unix.Sockaddr
	request []byte
	buf     [64 << 10]byte
	idle    []int
	flying  int
	left    int // requests not yet sent
	done    int
	send    []time.Duration // lateness, of an open load
}

var lastChunk = []byte("0\r\n\r\n")

// driveFloor plays a scenario with the floor.
func driveFloor(ctx context.Context, target string, s calibrate.Scenario) (calibrate.Cost, error) {
	if s.Protocol != "completions" {
		return calibrate.Cost{}, fmt.Errorf("the floor knows completions alone")
	}
	if err := stamped.Set(ctx, target, s.Settings()); err != nil {
		return calibrate.Cost{}, err
	}
	f, err := newFloor(target, s)
	if err != nil {
		return calibrate.Cost{}, err
	}
	defer unix.Close(f.epoll)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := resources()
	began := time.Now()
	if s.RatePerS > 0 {
		err = f.open(s, began)
	} else {
		err = f.closed(s.Streams)
	}
	c := resources().since(before)
	c.WallS = time.Since(began).Seconds()
	c.Requests, c.Events = int64(f.done), int64(f.done*s.Tokens)
	c.Send = calibrate.Summarize(f.send)
	return c, err
}

func newFloor(target string, s calibrate.Scenario) (*floor, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	at, err := net.ResolveTCPAddr("tcp4", u.Host)
	if err != nil {
		return nil, err
	}
	f := &floor{to: &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}, left: s.Requests, timer: -1}
	body, _ := wire.OpenAIBody(backends.Request{Prompt: calibrate.Prompt, MaxTokens: s.Tokens, Generate: &cell.Generate{IgnoreEOS: true}}, "mock", wire.Extended)
	f.request = fmt.Appendf(nil, "POST /v1/completions HTTP/1.1\r\nHost: %s\r\nUser-Agent: floor\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", u.Host, len(body), body)
	f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return f, err
}

// closed keeps so many in flight.
func (f *floor) closed(streams int) error {
	for range min(streams, f.left) {
		if err := f.start(); err != nil {
			return err
		}
	}
	for f.flying > 0 {
		if err := f.turn(); err != nil {
			return err
		}
		for f.left > 0 && len(f.idle) > 0 {
			if err := f.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// open starts each request when it is due.
func (f *floor) open(s calibrate.Scenario, began time.Time) error {
	schedule, err := load.NewSchedule(s.Shape(), 1)
	if err != nil {
		return err
	}
	if err := f.addTimer(); err != nil {
		return err
	}
	for offset := range schedule.Arrivals() {
		if f.left == 0 {
			break
		}
		due := began.Add(offset)
		for wait := time.Until(due); wait > 0; wait = time.Until(due) {
			at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
			if err := unix.TimerfdSettime(f.timer, 0, &at, nil); err != nil {
				return err
			}
			if err := f.turn(); err != nil {
				return err
			}
		}
		f.send = append(f.send, time.Since(due))
		if err := f.start(); err != nil {
			return err
		}
	}
	for f.flying > 0 {
		if err := f.turn(); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) addTimer() (err error) {
	if f.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return err
	}
	return f.watch(f.timer)
}

func (f *floor) watch(fd int) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// start sends one request, on a new connection where none is idle.
func (f *floor) start() error {
	if len(f.idle) == 0 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Connect(fd, f.to); err != nil { // loopback: it does not wait
			return err
		}
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if err := f.watch(fd); err != nil {
			return err
		}
		f.idle = append(f.idle, fd)
	}
	fd := f.idle[len(f.idle)-1]
	f.idle = f.idle[:len(f.idle)-1]
	f.left, f.flying = f.left-1, f.flying+1
	_, err := unix.Write(fd, f.request)
	return err
}

// turn waits once and reads what there is.
func (f *floor) turn() error {
	var events [256]unix.EpollEvent
	n, err := unix.EpollWait(f.epoll, events[:], -1)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range events[:n] {
		got, err := unix.Read(int(e.Fd), f.buf[:])
		switch {
		case err != nil:
			return err
		case int(e.Fd) == f.timer:
		case got == 0:
			return fmt.Errorf("the mock hung up on the floor")
		case bytes.HasSuffix(f.buf[:got], lastChunk):
			f.idle = append(f.idle, int(e.Fd))
			f.flying, f.done = f.flying-1, f.done+1
		}
	}
	return nil
}
