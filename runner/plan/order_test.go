package plan

import (
	"fmt"
	"slices"
	"testing"

	"matrix/runner/runnertest"
)

func steps(items []*Item) []string {
	order, _ := order(items)
	var texts []string
	for _, s := range order {
		texts = append(texts, fmt.Sprintf("%s%d.%d", s.Item.Cell.Platform.ID, s.Item.Cell.BatchSize, s.Launch))
	}
	return texts
}

func itemsFor(how string, launches []int, sizes ...int) []*Item {
	var items []*Item
	for _, n := range sizes {
		c := runnertest.Cell("a", n)
		c.Order, c.Seed = how, 11
		items = append(items, &Item{Cell: c, Launches: launches})
	}
	return items
}

func TestOrder(t *testing.T) {
	declared := steps(itemsFor("declared", []int{1, 2}, 100, 10))
	if want := []string{"a100.1", "a100.2", "a10.1", "a10.2"}; !slices.Equal(declared, want) {
		t.Errorf("declared: %v, want %v", declared, want)
	}
	blocks := steps(itemsFor("blocks", []int{1, 2, 3}, 1000, 10, 100, 50, 500, 5000))
	if want := []string{"a10.1", "a50.1", "a100.1", "a500.1", "a1000.1", "a5000.1"}; !slices.Equal(blocks[:6], want) {
		t.Errorf("first block: %v, want %v", blocks[:6], want)
	}
	second, third := blocks[6:12], blocks[12:]
	for _, x := range second {
		if x[len(x)-2:] != ".2" {
			t.Errorf("%s in the second block", x)
		}
	}
	if fmt.Sprint(withoutLaunch(second)) == fmt.Sprint(withoutLaunch(third)) {
		t.Errorf("second and third block have the same order: %v", second)
	}
	if again := steps(itemsFor("blocks", []int{1, 2, 3}, 1000, 10, 100, 50, 500, 5000)); !slices.Equal(again, blocks) {
		t.Error("the same seed gives another order")
	}
	var alike []*Item
	for i := range 12 {
		c := runnertest.Cell(fmt.Sprint("p", i, "x"), 10)
		c.Order, c.Seed = "blocks", 11
		alike = append(alike, &Item{Cell: c, Launches: []int{1}})
	}
	if got := steps(alike); slices.Equal(got, steps(asDeclared(alike))) {
		t.Errorf("cells of the same batch size run as they are declared: %v", got)
	}
	random := steps(itemsFor("random", []int{1, 2}, 1000, 10, 100, 50))
	if slices.Equal(random, steps(itemsFor("declared", []int{1, 2}, 1000, 10, 100, 50))) || len(random) != 8 {
		t.Errorf("random: %v", random)
	}
}

func asDeclared(items []*Item) []*Item {
	for _, item := range items {
		item.Cell.Order = "declared"
	}
	return items
}

// withoutLaunch drops the launch's number.
func withoutLaunch(texts []string) []string {
	var names []string
	for _, s := range texts {
		names = append(names, s[:len(s)-2])
	}
	return names
}

// Cells of a group run one after the other, in an order that the seed decides.
func TestGroupsStayTogether(t *testing.T) {
	p := &Plan{}
	for _, n := range []int{10, 20, 30} {
		c := runnertest.Cell("a", n)
		c.Isolation.Server, c.Launches = "group", 2
		p.Items = append(p.Items, &Item{Cell: c, Launches: []int{1, 2}})
	}
	p.Items = append(p.Items, &Item{Cell: runnertest.Cell("other", 10), Launches: []int{1}})
	orders := map[string]bool{}
	for seed := range int64(8) {
		for _, item := range p.Items {
			item.Cell.Seed = seed
		}
		p.arrange()
		text, last := "", map[string]int{}
		for i, s := range p.Order {
			text += s.Item.Cell.Slug + " "
			key := fmt.Sprint(s.Launch, s.Item.Server)
			if at, seen := last[key]; seen && at != i-1 {
				t.Errorf("launch %d of the shared server is apart from the others", s.Launch)
			}
			last[key] = i
		}
		orders[text] = true
	}
	if len(orders) < 3 {
		t.Errorf("%d orders of 8 seeds", len(orders))
	}
}
