// Package telemetry owns what is read off the machine while a launch runs: GPU
// (NVML), the engine's process tree, the host, the engine's own metrics. It
// decides nothing and writes no file.
//
// # Metrics
//
// A sample that could not be read is absent, never 0. Counters run since the
// engine (cpu_s) or the driver (energy_j) started: take differences.
//
//	source    metric                 meaning
//	process   rss_bytes              resident memory, summed over the engine's process tree; shared pages
//	                                 count once per process
//	          cpu_s                  user + system CPU seconds of the tree, processes that have ended included
//	          threads, processes     now alive
//	          cgroup_version         where these came from: 2 or 1 = the engine's cgroup, where it is in one that we
//	                                 are not in (rss_bytes is then anonymous + mapped memory, shared pages once),
//	                                 0 = added up process by process
//	host      host_cpu_ratio         busy share of all cores since the sample before (0–1)
//	          host_mem_used_bytes    total − available
//	          host_mem_total_bytes
//	nvml:UUID memory_total_bytes     memory v2: what the driver reserves is not in `used`
//	          memory_used_bytes
//	          process_memory_bytes   held by the engine's process tree; 0 = nobody holds any, absent = not known
//	          gpu_util_ratio         share of time with a kernel running (0–1)
//	          memory_util_ratio      share of time with memory traffic (0–1)
//	          power_w                board power
//	          energy_j               counter since the driver was loaded
//	          sm_clock_hz, memory_clock_hz
//	          temperature_c          °C
//	          throttle_reasons       NVML's bit mask of clock event reasons (1 = idle, 4 = power cap, 8 = hardware
//	                                 slow-down, 0x20 software thermal, 0x40 hardware thermal, 0x80 power brake)
//	          pcie_tx_bytes_per_s,   over a window of 20 ms each; left out below an interval of 500 ms, since
//	          pcie_rx_bytes_per_s    reading them takes that long
//	vllm …    as the engine says     Prometheus names as they are, summed over label sets; a histogram is its
//	                                 name_sum and name_count. Source is the prefix without its colon. Between
//	                                 the first and the last sample, values that did not change are left out
//	          scrape_s               how long that reading took, at each: what is not told beside it has not changed
//	          scrape_gap_s           for so long nothing was read until now
//
// # Cost
//
// `go run ./bench/telemetry` measures it with a tree of ten processes: 0.7 ms of CPU a round for the host, 0.5 ms for the
// tree, 2.6 ms for 50 KB of metrics. On an H100 host NVML came to 4.5 ms more (reading PCIe traffic waits another 45 ms
// without using it). All of it at 1 Hz is below 1% of a core.
package telemetry
