package slurm

import (
	"slices"
	"strconv"
	"strings"
)

// missingLooks is how often in a row Slurm must not know a group's task before it counts as lost: a look may fall between
// the end of a task and the marker of its last launch.
const missingLooks = 2

// standing is what the watcher knows of one group.
type standing struct {
	left      int  // launches without a marker
	submitted int  // times, since the last launch that was committed
	missing   int  // looks in a row at which Slurm did not know it
	hopeless  bool // submitted too often for nothing
}

// decide says which groups to hand in, at most room of them. A group is handed in when launches of it are not committed
// and no task of it is known; one that was handed in before only after it was missed twice, and not for ever.
func decide(all []standing, known map[int]bool, room, most int) (submit []int) {
	for i := range all {
		g := &all[i]
		switch {
		case g.left == 0 || g.hopeless:
			continue
		case known[i]:
			g.missing = 0
			continue
		}
		if g.missing++; g.submitted > 0 && g.missing < missingLooks {
			continue
		}
		if g.submitted >= most {
			g.hopeless = true
			continue
		}
		if len(submit) < room {
			submit = append(submit, i)
		}
	}
	return submit
}

// chunk is one array: groups of one hardware whose numbers fit into one span of indexes.
type chunk struct {
	hardware string
	offset   int // group number of index 0
	indexes  []int
}

// chunks deals groups out to arrays, no index at or above maxArray.
func chunks(groups []Group, numbers []int, maxArray int) []chunk {
	var all []chunk
	slices.Sort(numbers)
	for _, n := range numbers {
		offset := n / maxArray * maxArray
		hardware := groups[n].Hardware
		at := slices.IndexFunc(all, func(c chunk) bool { return c.hardware == hardware && c.offset == offset })
		if at < 0 {
			at = len(all)
			all = append(all, chunk{hardware: hardware, offset: offset})
		}
		all[at].indexes = append(all[at].indexes, n-offset)
	}
	return all
}

// groupOf reads a task's group from its job's name and its index.
func groupOf(t Task) (int, bool) {
	offset, err := strconv.Atoi(t.Name[strings.LastIndexByte(t.Name, '-')+1:])
	return offset + t.Index, err == nil
}
