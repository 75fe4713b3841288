package decision

import (
	"fmt"
	"strings"
)

// Command is what to type for a need where the declaration is not at hand: the last saved plan's files are meant.
func (n Need) Command() string {
	if len(n.Only) == 0 {
		return ""
	}
	return "matrix apply" + n.Flags()
}

// Flags narrow a plan to what is needed.
func (n Need) Flags() string {
	var b strings.Builder
	if n.Launches > 0 {
		fmt.Fprintf(&b, " --launches %d", n.Launches)
	}
	if n.Rerun != "" {
		b.WriteString(" --rerun " + n.Rerun)
	}
	for _, sel := range n.Only {
		b.WriteString(" --only " + quoted(sel))
	}
	return b.String()
}

// quoted is a word for a shell.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=.,:/+@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func atSizeOf(size int64) string { return fmt.Sprintf("batch_size=%d", size) }
