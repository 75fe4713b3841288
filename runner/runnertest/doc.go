// Package runnertest plays backends, engines and machines for the tests of package runner's rooms.
package runnertest
