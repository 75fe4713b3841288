package serve

import (
	"fmt"
	"testing"

	"matrix/results/record"
	"matrix/results/report/browsertest"
	"matrix/results/summary/summarytest"
)

// manyRows is more than a person can page through.
const manyRows = 200_000

// Of a cell of 200,000 requests one is found by keyboard alone: filtered, sorted, at the very end, and its answer beside another platform's.
func TestManyRowsInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("plants 200,000 rows")
	}
	b := browsertest.Start(t)
	root := t.TempDir()
	answer := func(platform string, first int) summarytest.Launch {
		return summarytest.Launch{Text: func(i int) string { return fmt.Sprint(platform, " on ", first+i) }, Row: func(i int, r *record.RequestRow) {
			if r.PromptID = fmt.Sprint("p", first+i); i%100 == 99 && first == 0 {
				r.Status, r.Error = record.StatusTimedOut, "no answer in time"
			}
		}}
	}
	summarytest.Plant(t, root, summarytest.Cell{Platform: "big", Size: manyRows, Launches: []summarytest.Launch{answer("big", 0)}},
		summarytest.Cell{Platform: "small", Size: 100, Launches: []summarytest.Launch{answer("small", manyRows-100)}})
	_, url := live(t, root, "")
	p := b.Open(url + "/")
	enter := func(selector, then string) {
		t.Helper()
		p.Tab(selector)
		p.Press("Enter")
		p.Sees(then)
	}
	row := func(n int, text string) string {
		return fmt.Sprintf("document.querySelector('#requests tbody tr:nth-child(%d)')?.innerText.includes(%q)", n, text)
	}
	shows := func(text string) string {
		return fmt.Sprintf("document.querySelector('#range').innerText.startsWith(%q)", text)
	}

	p.Sees("document.querySelectorAll('#cells tbody tr').length === 2")
	enter("#cells tbody tr:nth-child(1) button", "document.activeElement.id === 'attempts-title'")
	enter("#attempts tbody button", "document.activeElement.id === 'requests-title' && "+shows("1–50 of 200,000")+" && "+row(1, "p0"))
	enter("#last", shows("199,951–200,000 of 200,000")+" && "+row(50, "p199999")+" && document.querySelector('#forth').disabled")
	enter("#back", shows("199,901–199,950 of 200,000")+" && "+row(50, "p199949"))
	enter("#forth", shows("199,951–200,000 of 200,000"))
	p.Tab("#status")
	p.Press("t") // timed out
	p.Sees(shows("1–50 of 2,000") + " && " + row(1, "p99"))
	for page := 1; page < 40; page++ {
		enter("#forth", shows(fmt.Sprintf("%s–", thousands(50*page+1))))
	}
	p.Sees(row(50, "p199999") + " && document.querySelector('#forth').disabled")
	enter("#requests thead button[data-key=seq]", shows("1–50 of 2,000")+" && document.querySelector('#requests th[aria-sort=ascending]')")
	enter("#requests thead button[data-key=seq]", row(1, "p199999")+" && document.querySelector('#requests th[aria-sort=descending]')")
	enter("#requests tbody tr:nth-child(1) button", "document.activeElement.id === 'answer-title' && document.querySelector('#mine').innerText.includes('timed out')")
	p.Sees("document.querySelector('#other pre')?.innerText === 'small on 199999'")
	if faults := p.Faults(); len(faults) > 0 {
		t.Errorf("faults: %s", faults)
	}
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
