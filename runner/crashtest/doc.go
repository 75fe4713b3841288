// Package crashtest kills real applies: a matrix binary under SIGKILL, failing system calls and full disks, with the
// simulator as engine. It holds tests only. MATRIX_CRASH=N asks for N kills and the tests that take minutes.
package crashtest
