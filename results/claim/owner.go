package claim

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Owner names a process beyond the reuse of its number, and the job that it is of.
type Owner struct {
	Job     string    `json:"job,omitempty"`  // of the cluster: the array's number
	Task    string    `json:"task,omitempty"` // within the array
	Restart int       `json:"restart,omitempty"`
	Host    string    `json:"host"` // where it runs; of virtual nodes on one machine the node's name
	Boot    string    `json:"boot"` // of the machine under it; "" = cannot be told
	PID     int       `json:"pid"`
	Start   string    `json:"start"` // of the process, ticks since boot
	What    string    `json:"what"`
	Since   time.Time `json:"since"`
}

// Me is this process. Job, task and restart count are Slurm's where there is one.
func Me(what string) Owner {
	host, _ := os.Hostname() // "" then: never equal to another's boot
	o := Owner{Host: host, Boot: bootID(), PID: os.Getpid(), Start: startOf(os.Getpid()), What: what, Since: time.Now(),
		Job: os.Getenv("SLURM_ARRAY_JOB_ID"), Task: os.Getenv("SLURM_ARRAY_TASK_ID")}
	if node := os.Getenv("SLURMD_NODENAME"); node != "" {
		o.Host = node
	}
	_, _ = fmt.Sscan(os.Getenv("SLURM_RESTART_COUNT"), &o.Restart) // unset before the first restart
	return o
}

func (o Owner) String() string {
	job := ""
	if o.Job != "" {
		job = fmt.Sprintf("job %s task %s, ", o.Job, o.Task)
		if o.Restart > 0 {
			job += fmt.Sprintf("restart %d, ", o.Restart)
		}
	}
	return fmt.Sprintf("%q (%spid %d on %s, since %s)", o.What, job, o.PID, o.Host, o.Since.Format(time.DateTime))
}

// Finds reports whether o finds another owner dead. The rule: an earlier start of the same task is over, Slurm starts a
// task again only then; on the same boot of the same machine the process table tells; of another machine nothing tells
// but silence, and two minutes of it are taken for death.
func (o Owner) Finds(other Owner, silence time.Duration) bool {
	if other.Job != "" && other.Job == o.Job && other.Task == o.Task && other.Restart < o.Restart {
		return true
	}
	if other.Boot != "" && other.Boot == bootID() {
		return startOf(other.PID) != other.Start
	}
	return silence >= Silence
}

// bootID changes with each start of the machine, and differs between machines.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	// A container has the boot of its host and process numbers of its own.
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text)) + " " + space
}

// startOf is when a living process began, "" when there is none.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		if syscall.Kill(pid, 0) == nil && bootID() == "" {
			return "alive"
		}
		return ""
	}
	// The name in parentheses may hold anything, so count from its end.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
