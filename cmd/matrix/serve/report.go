package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"matrix/cmd/matrix/serve/watch"
	"matrix/results/report/chart"
	"matrix/results/report/document"
)

// reportTime bounds the making of a report.
// One is made at a time, so it bounds what others wait, too.
const reportTime = 5 * time.Minute

// reportPolicy lets a report have its own styles and scripts, which stand in it and are known by their digests, and talk to nobody. They
// are those of two pages that hold no results: what a result says cannot be among them. It may stand in the page itself.
var reportPolicy = sync.OnceValue(func() string {
	timeline := document.Section{Blocks: []document.Block{{Figure: &document.Figure{Chart: chart.Panels{}}}}}
	scripts, styles := "", ""
	for _, d := range []document.Document{{}, {Sections: []document.Section{timeline}}} {
		var page bytes.Buffer
		if err := d.WriteHTML(&page); err != nil {
			panic(err) // into memory
		}
		scripts, styles = scripts+digests(page.Bytes(), "script"), styles+digests(page.Bytes(), "style")
	}
	return "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; script-src" + scripts + "; style-src" + styles
})

// digests are those of a page's elements, as a policy lists them.
// A browser takes the bytes between the tags, and nothing else, for the digest.
func digests(page []byte, element string) (list string) {
	for _, found := range regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(found[1])
		list += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return list
}

// report has the report of an experiment made: one at a time, since each reads all of its results.
// Only experiments with attempts: a name is part of a path.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("experiment")
	if past, err := s.Store.History(r.Context(), name); err != nil || len(past) == 0 || s.Report == nil {
		http.NotFound(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), reportTime)
	defer cancel()
	var page []byte
	if err := one(ctx, &s.making, func() (err error) { page, err = s.made(ctx, name); return err }); err != nil {
		http.Error(w, fmt.Sprintf("the report could not be made: %v\nIn a terminal: matrix report %s", err, name), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", "sandbox allow-scripts; frame-ancestors 'none'; "+reportPolicy())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page) // who is gone is told nothing
}

// kept is a report, and the shape of the tree that it is of.
type kept struct {
	shape string
	page  []byte
}

// made is the report of an experiment: the one before where nothing has landed since, for what runs on this machine is disturbed by the making.
// The caller holds making.
func (s *Server) made(ctx context.Context, experiment string) ([]byte, error) {
	shape := watch.Shape(s.Store.Root()) // before it is read
	if k := s.reports[experiment]; k.page != nil && k.shape == shape {
		return k.page, nil
	}
	var page bytes.Buffer
	if err := s.Report(ctx, experiment, &page); err != nil {
		return nil, err
	}
	if s.reports == nil {
		s.reports = map[string]kept{}
	}
	s.reports[experiment] = kept{shape, page.Bytes()}
	return page.Bytes(), nil
}
