package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// OfAttempt lists the living processes that carry an attempt in their environment.
func OfAttempt(attempt string) []int {
	var pids []int
	all, _ := PIDs()
	for _, pid := range all {
		if pid != os.Getpid() && variable(pid, envAttempt) == attempt && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Leftovers lists processes of engines whose matrix is gone: a kill of matrix
// and its guard in one stroke leaves them. Only this user's processes, in this
// PID namespace, are looked at.
func Leftovers() []int {
	var pids []int
	all, _ := PIDs()
	for _, pid := range all {
		if pid != os.Getpid() && variable(pid, envAttempt) != "" && ownerGone(variable(pid, envOwner)) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// KillLeftovers kills what Leftovers finds and waits until it is gone. It returns what it killed.
func KillLeftovers(ctx context.Context) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	var killed []int
	seen := map[int]bool{}
	for {
		left := Leftovers()
		if len(left) == 0 {
			return killed, nil
		}
		for _, pid := range left {
			if !seen[pid] {
				seen[pid] = true
				killed = append(killed, pid)
			}
			syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-ctx.Done():
			return killed, fmt.Errorf("kill leftover engines %v: %w", left, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// owner names this process beyond the reuse of its number: PID namespace, pid, start time.
func owner() string {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	_, start, _, _ := stat(os.Getpid())
	return fmt.Sprintf("%s/%d/%s", ns, os.Getpid(), start)
}

// ownerGone reads a name of the form namespace/PID/start. It is true only where the owner certainly is gone: a PID of
// another namespace is nobody we know, and one that was given to another process began later.
func ownerGone(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return false
	}
	if ns, err := os.Readlink("/proc/self/ns/pid"); err != nil || ns != parts[0] {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	_, start, state, ok := stat(pid)
	return !ok || start != parts[2] || state == "Z"
}

// alive is false for a zombie: it holds nothing any more.
func alive(pid int) bool {
	_, _, state, ok := stat(pid)
	return ok && state != "Z" && state != "X"
}

// descendants walks the process table from the parent's side: /proc/PID/task/TID/children
// is not built into every kernel.
func descendants(root int) []int {
	children := map[int][]int{}
	pids, _ := PIDs()
	for _, pid := range pids {
		if parent, _, _, ok := stat(pid); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	var all []int
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		all = append(all, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

// PIDs is every process of /proc. The folders' names suffice: nothing is read of a process that nobody asks for.
func PIDs() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// stat reads parent, start time (ticks since boot) and state from /proc/PID/stat.
func stat(pid int) (parent int, start, state string, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", "", false
	}
	// The name in parentheses may hold anything, so count from its end.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return 0, "", "", false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[19], fields[0], err == nil
}

// variable reads one variable of a process's environment as it was at its start; "" also where we may not look.
func variable(pid int, name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	for kv := range bytes.SplitSeq(text, []byte{0}) {
		if value, ok := bytes.CutPrefix(kv, []byte(name+"=")); ok {
			return string(value)
		}
	}
	return ""
}

// killAttempt ends what carries an attempt of one owner's, in so many rounds at most: what dies may have started another
// meanwhile, and what may not be killed is given up on. The attempt alone is not enough: the guard of a matrix that was
// killed may still be here when the next one goes on with that attempt, in an engine of its own.
func killAttempt(attempt, owner string, rounds int) {
	for range rounds {
		pids := slices.DeleteFunc(OfAttempt(attempt), func(pid int) bool { return variable(pid, envOwner) != owner })
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
