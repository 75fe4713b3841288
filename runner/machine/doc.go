// Package machine is what an apply asks of the computer under it: GPUs and who is on them, a quiet CPU, caches to drop,
// whether it is what a hardware block declares.
package machine
