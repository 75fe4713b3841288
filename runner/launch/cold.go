package launch

import (
	"context"
	"matrix/runner/plan"
)

// swapTolerance is what lies in the swap of a host that has been up for a while and lacks nothing, in bytes.
const swapTolerance = 256 << 20

// coldCaches drops what can be dropped where the cell asks for it, and records what could not be.
func (e *engine) coldCaches() {
	if e.j.cell.Isolation.Caches != "cold" || !e.j.cell.Platform.Local() {
		return
	}
	e.j.row.CompileCache, e.j.row.PageCache = "cold", "cold" // nobody else writes yet
	err := e.j.site.Host.DropCaches()
	if err == nil {
		return
	}
	var files []string
	if find := e.j.site.World.Backends[e.j.cell.Platform.Backend].ModelFiles; find != nil {
		files = find(e.j.cell)
	}
	if len(files) > 0 {
		if err = e.j.site.Host.ForgetFiles(files); err == nil {
			e.j.row.PageCache = "model_files_dropped"
			return
		}
	}
	e.j.row.PageCache = "not_dropped"
	e.j.warn("the page cache could not be dropped: " + plan.OneLine(err))
}

// notes records what of the host may disturb a launch.
func (e *engine) notes(ctx context.Context) {
	swap, load1 := e.j.site.Host.Strain(ctx)
	e.j.mu.Lock()
	e.j.row.HostSwap, e.j.row.HostLoad1 = swap, load1
	e.j.mu.Unlock()
	if !e.j.cell.Platform.Local() {
		return
	}
	if swap != nil && *swap >= swapTolerance {
		e.j.warn("the host has swapped memory out at the start of a launch (host_swap_used_bytes)")
	}
	if g := e.j.site.World.Machine.Governor; g != "" && g != "performance" {
		e.j.warn("the CPU governor is " + g + ": clocks that follow the load add noise")
	}
}
