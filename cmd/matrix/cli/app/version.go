package app

import "runtime/debug"

// release is the version of matrix; a build from a checkout adds its commit.
const release = "0.1.0"

// Version is release plus the commit that the binary was built from, "0.1.0+a81f3c0e".
// ".dirty" where the checkout had changes; a build without VCS information is the release alone.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 8:
			commit = "+" + s.Value[:8]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ".dirty"
		}
	}
	if commit == "" {
		return release
	}
	return release + commit + dirty
}
