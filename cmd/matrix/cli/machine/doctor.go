// Package machine has the commands about the machine that matrix runs on.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/spf13/cobra"

	"matrix/backends"
	"matrix/backends/process"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view/ndjson"
	"matrix/experiments/cell"
	"matrix/results/format"
	"matrix/runner/gpulock"
	"matrix/runner/telemetry"
)

// finding is one line of doctor: what there is, and what to do when it is a lack.
// It is the record itself: nothing is said to people that programs are not told.
type finding = ndjson.Check

// found makes a finding; state is ok, warn or missing, advice "" where nothing is to be done.
func found(subject, state, what, advice string) finding {
	return finding{Subject: subject, State: state, Found: what, Advice: advice}
}

// Doctor is the command.
// A lack is no failure of doctor: it exits 0 with it.
func Doctor(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor [FILE|DIR…]", Short: "Say what this machine has and what to do about each lack",
		Long: "Say what this machine has: GPUs, drivers, engines and their versions, limits — and what to do about each lack.\n" +
			"With files, the interpreters and binaries that their platforms name are examined instead of those on PATH.",
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Begin()
			// All are gathered first, so that the loading of files that fails prints nothing half.
			findings := examineMachine(cmd.Context())
			engines, err := examineEngines(cmd.Context(), a, args)
			if err != nil {
				return err
			}
			findings = append(append(findings, engines...), examineInstalled()...)
			findings = append(findings, examineLimits(a)...)
			for _, f := range findings {
				sayFinding(a, f)
			}
			return nil
		},
	}
	a.DeclareVars(cmd)
	return cmd
}

// sayFinding prints one finding, wrapped beside its subject.
// Without a width (a file, a pipe) lines stay whole.
func sayFinding(a *app.App, f finding) {
	if a.JSON {
		a.Record(ndjson.Finding{Finding: f})
		return
	}
	// equally wide, so that subjects stand below each other
	mark := map[string]string{"ok": a.Style.Good("ok     "), "warn": a.Style.Warn("warning"), "missing": a.Style.Bad("missing")}[f.State]
	const column = 26 // where what was found begins
	beside := func(text string) string {
		if width := a.Width(); width > 0 {
			text = ansi.Wrap(text, max(20, width-column-1), "")
		}
		return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", column))
	}
	fmt.Fprintf(a, "%s  %-16s %s\n", mark, f.Subject, beside(f.Found))
	if f.Advice != "" {
		fmt.Fprintf(a, "%*s%s\n", column, "", a.Style.Dim(beside(f.Advice)))
	}
}

// examineMachine looks at what figures of this machine depend on.
func examineMachine(ctx context.Context) []finding {
	m, err := telemetry.Machine(ctx)
	verdict, advice := "ok", ""
	if err != nil {
		verdict, advice = "missing", err.Error()
	}
	all := []finding{
		found("matrix", "ok", fmt.Sprintf("%s, %s %s/%s", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH), ""),
		found("machine", verdict, fmt.Sprintf("%s: %s, %d cores, %.1f GiB memory, %s", m.Host, m.CPU, m.Cores, format.GiB(m.RAMBytes), m.Kernel), advice),
	}
	if m.Governor != "" && m.Governor != "performance" {
		all = append(all, found("CPU governor", "warn", m.Governor, "Clocks that follow the load add noise: cpupower frequency-set -g performance"))
	}
	all = append(all, examineGPUs()...)
	return append(all, found("GPU locks", "ok", gpulock.Folder+": one for each GPU; who applies holds it", ""))
}

// examineGPUs looks at each GPU as an apply would: a lock that cannot be taken, and who else computes there. No GPU is a
// warning, GPUs that cannot be read are a fault.
func examineGPUs() []finding {
	gpus, err := telemetry.GPUs()
	switch {
	case err == nil && len(gpus) > 0:
		var all []finding
		for _, g := range gpus {
			f := found("GPU "+fmt.Sprint(g.Index), "ok", fmt.Sprintf("%s, %.2f of %.2f GiB in use, %s", g.Name, format.GiB(g.MemoryUsed), format.GiB(g.MemoryTotal), g.UUID), "")
			if err := gpulock.Check(gpulock.Folder, g.UUID); err != nil {
				all = append(all, found("GPU lock", "warn", err.Error(), "apply goes on without it, and nothing keeps another matrix off this GPU: remove what lies there."))
			}
			if who := gpulock.Holder(gpulock.Folder, g.UUID); who != "" {
				f.Found += ", in use by " + who
			}
			// A desktop draws on a GPU and disturbs little; what computes there does.
			for _, p := range g.Processes {
				if p.Compute {
					f.State, f.Advice = "warn", fmt.Sprintf("process %d (%s) computes on it: stop it before you measure", p.PID, p.Name)
				}
			}
			all = append(all, f)
		}
		return all
	// there is a GPU, and this program cannot see it
	case telemetry.Driver() && !telemetry.Built():
		return []finding{found("GPU", "missing", telemetry.NotBuilt, "Apply with --without-nvml and have no GPU columns.")}
	case err != nil && !errors.Is(err, telemetry.ErrNoNVML):
		return []finding{found("GPU", "missing", err.Error(), "nvidia-smi must work first; a driver that was just updated needs a reboot.")}
	}
	return []finding{found("GPU", "warn", "none: GPU columns will be null", "Engines run on the CPU here: right for trying matrix out, not for choosing a platform for a GPU.")}
}

// examineEngines looks at the platforms of the files, or at what stands on PATH.
// With files each platform's own interpreter and binary counts.
func examineEngines(ctx context.Context, a *app.App, files []string) ([]finding, error) {
	var platforms []*cell.Platform
	for _, name := range slices.Sorted(maps.Keys(a.Engines)) {
		platforms = append(platforms, &cell.Platform{Backend: name})
	}
	// without files there are no variables to name
	explain := func(text string) string { return text }
	if len(files) > 0 {
		s, err := a.Load(ctx, files)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		platforms, explain = programs(s), s.WithVariables
	}
	var all []finding
	for _, p := range platforms {
		examine := a.Engines[p.Backend].Installed
		if examine == nil || p.Attach {
			continue
		}
		f := engineFinding(examine(p))
		// the path with the variable that it comes from
		if f.Found = explain(f.Found); !slices.Contains(all, f) { // platforms that differ in settings alone
			all = append(all, f)
		}
	}
	return all, nil
}

// programs are the cells' platforms, overrides merged in, each once.
// A pointer is a platform with its overrides: cells share one where these are alike.
func programs(s *app.Session) []*cell.Platform {
	var all []*cell.Platform
	for _, c := range s.Each() {
		if !slices.Contains(all, c.Platform) {
			all = append(all, c.Platform)
		}
	}
	return all
}

// engineFinding names the version that matrix was tested with: others may well work.
func engineFinding(e backends.Installed) finding {
	if e.Err != nil {
		return found(e.Name, "missing", e.Err.Error(), e.Advice)
	}
	return found(e.Name, "ok", fmt.Sprintf("%s at %s (tested with %s)", e.Version, e.Path, e.Tested), "")
}

// neededFiles is how many open files a batch of 5,000 in flight takes, with room.
const neededFiles = 16384

// examineLimits looks at what thousands of requests in flight need.
func examineLimits(a *app.App) []finding {
	var all []finding
	if _, hard := process.RaiseFileLimit(); hard < neededFiles {
		all = append(all, found("open files", "warn", fmt.Sprintf("at most %d", hard), fmt.Sprintf("5,000 requests in flight need about %d: raise the hard limit (ulimit -Hn, limits.conf).", neededFiles)))
	} else {
		all = append(all, found("open files", "ok", fmt.Sprintf("at most %d", hard), ""))
	}
	// some sandboxes have no loopback
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
		all = append(all, found("loopback", "missing", err.Error(), "Engines bind to 127.0.0.1: a port must be free there."))
	} else {
		_ = l.Close()
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		all = append(all, found("cgroups", "ok", "v2", ""))
	} else if runtime.GOOS == "linux" {
		all = append(all, found("cgroups", "warn", "no v2 hierarchy", "CPU and memory of an engine come from /proc; what short-lived children used may be missed."))
	}
	return append(all, examineResults(a), examineCalibration(a))
}

// examineResults says whether the results folder can be written to, and how much room it has.
// A file is made and removed: permissions alone do not tell of quotas and read-only mounts.
func examineResults(a *app.App) finding {
	folder := a.Results
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		folder = "."
	}
	temp, err := os.CreateTemp(folder, ".matrix-doctor-*")
	if err != nil {
		return found("results", "missing", err.Error(), "Give --results a folder that you can write to.")
	}
	_ = temp.Close()
	_ = os.Remove(temp.Name())
	usage, err := disk.Usage(folder)
	if err != nil {
		return found("results", "ok", folder+" can be written to", "")
	}
	return found("results", "ok", fmt.Sprintf("%s: %.0f GiB free", folder, format.GiB(int64(usage.Free))), "")
}
