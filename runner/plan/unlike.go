package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"matrix/results/summary"
)

// mostUnlike bounds what is said of platforms that are not asked alike.
const mostUnlike = 4

// notAlike says which platforms are asked otherwise than others in cells that differ in nothing but the platform: the report
// will not compare them, so it is said before hours are spent.
func (p *Plan) notAlike() (notes []string) {
	first := map[string]*Item{}
	for _, item := range p.Items {
		if item.Cell.Skip != nil || item.Cell.Generate == nil {
			continue
		}
		var key strings.Builder
		for _, axis := range item.Cell.Axes {
			if axis.Name != "platform" {
				key.WriteString(axis.Label + "\x00")
			}
		}
		like := first[key.String()]
		if like == nil {
			first[key.String()] = item
			continue
		}
		a, b := like.Cell, item.Cell
		if a.Generate == b.Generate || reflect.DeepEqual(a.Generate, b.Generate) {
			continue
		}
		unlike, _ := summary.NotAsked(&like.Identity, &item.Identity)
		note := fmt.Sprintf("%s and %s are not asked the same (%s): the report will not compare them", a.Platform.ID, b.Platform.ID, strings.Join(unlike, ", "))
		if len(unlike) > 0 && !slices.Contains(notes, note) {
			if notes = append(notes, note); len(notes) == mostUnlike {
				return notes
			}
		}
	}
	return notes
}
