package slurm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"matrix/backends/process"
)

// Queue is what is asked of Slurm.
type Queue interface {
	// Submit hands in one array and returns its job number.
	Submit(ctx context.Context, j Job) (id string, err error)
	// List returns this user's tasks whose job's name begins with the prefix, waiting ones too. An error says nothing about
	// the tasks: the controller may be down.
	List(ctx context.Context, prefix string) ([]Task, error)
	Cancel(ctx context.Context, ids []string) error
}

// Job is one array.
type Job struct {
	Name    string
	Indexes []int    // of the tasks, ascending
	Options []string // of sbatch, from hardware.slurm
	Script  string   // handed over on standard input
	Log     string   // pattern
	Dir     string   // working directory of the tasks
}

// Task is one task of an array as squeue shows it.
type Task struct {
	Job    string // the array's number
	Name   string
	Index  int
	State  string // PENDING, RUNNING, COMPLETING …
	Reason string // why it waits
	Node   string
}

// Commands is Slurm by its programs.
type Commands struct{ MaxArray int }

// commandLimit bounds one call of a program of Slurm's: with the controller down sbatch tries for minutes.
const commandLimit = 30 * time.Second

// ErrNoSlurm says that sbatch is not there.
var ErrNoSlurm = errors.New("there is no sbatch here: matrix apply --on slurm runs where jobs are submitted")

// Find looks for Slurm and asks it how long an array may be.
func Find(ctx context.Context) (*Commands, error) {
	if _, err := exec.LookPath("sbatch"); err != nil {
		return nil, ErrNoSlurm
	}
	out, err := slurmCommand(ctx, "", "scontrol", "show", "config")
	if err != nil {
		return nil, fmt.Errorf("ask Slurm for its settings: %w", err)
	}
	return &Commands{MaxArray: maxArray(out)}, nil
}

// maxArray reads MaxArraySize, one more than the largest index; Slurm's default where it is not said.
func maxArray(config string) int {
	for line := range strings.Lines(config) {
		name, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(name) != "MaxArraySize" {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 1 {
			return n
		}
	}
	return 1001
}

// Submit runs sbatch. The tasks are requeued when their node fails, and told a minute before their time is over.
func (*Commands) Submit(ctx context.Context, j Job) (string, error) {
	args := append([]string{"--parsable", "--job-name=" + j.Name, "--array=" + ranges(j.Indexes), "--requeue", "--signal=B:TERM@60",
		"--nodes=1", "--ntasks=1", "--open-mode=append", "--output=" + j.Log, "--chdir=" + j.Dir}, j.Options...)
	out, err := slurmCommand(ctx, j.Script, "sbatch", args...)
	if err != nil {
		return "", fmt.Errorf("submit %s: %w", j.Name, err)
	}
	id, _, _ := strings.Cut(strings.TrimSpace(out), ";") // NUMBER;CLUSTER
	return id, nil
}

// List runs squeue.
func (*Commands) List(ctx context.Context, prefix string) ([]Task, error) {
	out, err := slurmCommand(ctx, "", "squeue", "--me", "--noheader", "--array", "--format=%F|%K|%T|%N|%j|%r")
	if err != nil {
		return nil, fmt.Errorf("ask for the jobs: %w", err)
	}
	return parseTasks(out, prefix)
}

// parseTasks reads lines of squeue, fields between bars; the last may hold bars itself. Jobs of other names are left out.
func parseTasks(out, prefix string) ([]Task, error) {
	var all []Task
	for line := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 6)
		if len(f) != 6 || !strings.HasPrefix(f[4], prefix) {
			continue
		}
		index, err := strconv.Atoi(f[1])
		if err != nil {
			return nil, fmt.Errorf("squeue says %q", strings.TrimSpace(line))
		}
		all = append(all, Task{Job: f[0], Index: index, State: f[2], Node: f[3], Name: f[4], Reason: f[5]})
	}
	return all, nil
}

// Cancel runs scancel.
func (*Commands) Cancel(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := slurmCommand(ctx, "", "scancel", ids...)
	return err
}

// slurmCommand runs a command of Slurm's, bounded in time: it hangs when its controller is away.
func slurmCommand(ctx context.Context, stdin, name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	// The whole environment: sbatch hands it on to the tasks, which need the user's keys.
	out, bad, err := process.Ask(ctx, process.Question{Path: path, Args: args, Env: os.Environ(), Stdin: stdin, Limit: commandLimit})
	if err == nil {
		return string(out), nil
	}
	if text := strings.TrimSpace(string(bad)); text != "" {
		return "", fmt.Errorf("%s: %s", name, text)
	}
	return "", fmt.Errorf("%s: %w", name, err)
}

// ranges writes ascending numbers as sbatch reads them: 1-4,7.
func ranges(n []int) string {
	var parts []string
	for i := 0; i < len(n); {
		j := i
		for j+1 < len(n) && n[j+1] == n[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(n[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", n[i], n[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
