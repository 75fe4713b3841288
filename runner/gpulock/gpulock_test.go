package gpulock

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHelper is the other process: it holds a lock until its stdin ends.
func TestHelper(t *testing.T) {
	folder := os.Getenv("GPULOCK_HELPER")
	if folder == "" {
		t.Skip("runs only as another test's other process")
	}
	if _, err := Take(folder, "GPU-a", "matrix apply other"); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("held\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func TestTwoProcesses(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "locks")
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelper$")
	cmd.Env = append(os.Environ(), "GPULOCK_HELPER="+folder)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	began := time.Now()
	_, err = Take(folder, "GPU-a", "matrix apply mine")
	held := new(HeldError)
	if !errors.As(err, &held) || !strings.Contains(held.Holder, `"matrix apply other" of `) || time.Since(began) > time.Second {
		t.Fatalf("got %v after %s, want who holds it", err, time.Since(began))
	}
	if who := Holder(folder, "GPU-a"); !strings.Contains(who, "matrix apply other") {
		t.Errorf("holder %q", who)
	}
	release, err := Take(folder, "GPU-b", "matrix apply mine")
	if err != nil {
		t.Fatalf("another GPU: %v", err)
	}
	release()
	// SIGKILL: the kernel frees the lock, though the file still names the dead.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if who := Holder(folder, "GPU-a"); who != "" {
		t.Errorf("held by %q, who is dead", who)
	}
	release, err = Take(folder, "GPU-a", "matrix apply mine")
	if err != nil {
		t.Fatalf("after the holder's death: %v", err)
	}
	release()
}

// Another user's file can be used: it is there for everybody whatever the umask was, and is opened without O_CREATE.
func TestForEveryUser(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	folder := filepath.Join(t.TempDir(), "locks")
	release, err := Take(folder, "GPU-a", "x")
	if err != nil {
		t.Fatal(err)
	}
	release()
	file, err := os.Stat(filepath.Join(folder, "GPU-a"))
	if err != nil || file.Mode().Perm() != 0o666 {
		t.Errorf("file %v, %v", file.Mode(), err)
	}
	dir, err := os.Stat(folder)
	if err != nil || dir.Mode().Perm() != 0o777 || dir.Mode()&os.ModeSticky == 0 {
		t.Errorf("folder %v, %v", dir.Mode(), err)
	}
}

// A link in the folder, which everybody may write to, must not let anybody truncate a file of ours.
func TestNoLinks(t *testing.T) {
	folder := t.TempDir()
	victim := filepath.Join(folder, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(folder, "GPU-a")); err != nil {
		t.Fatal(err)
	}
	if _, err := Take(folder, "GPU-a", "x"); err == nil {
		t.Error("took a lock through a link")
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the file behind the link is %q, %v", text, err)
	}
}

// A lock whose file was removed locks nothing for whoever comes later: the one that is taken is the one that is there.
func TestRemovedMeanwhile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "GPU-a")
	lock, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lock.TryLock(); !got || err != nil {
		t.Fatal(got, err)
	}
	defer lock.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !removed(path, lock) {
		t.Error("the removal was not seen")
	}
}
