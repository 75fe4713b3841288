package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/oklog/ulid/v2"

	"matrix/results/record"
	"matrix/results/rows"
)

// requests answers with one page of an attempt's requests.
func (s *Server) requests(w http.ResponseWriter, r *http.Request) {
	q, err := rows.Parse(r.URL.Query())
	if err != nil {
		reply(w, nil, err)
		return
	}
	var page rows.Page
	_, err = s.onAttempt(r, func(a *rows.Attempt) error {
		page, err = a.Page(r.Context(), q)
		return err
	})
	reply(w, page, err)
}

// answered is a request with what it was answered with.
type answered struct {
	Request  rows.Request `json:"request"`
	Platform string       `json:"platform"`
	Cell     string       `json:"cell"`
	Dataset  string       `json:"dataset"`
	Text     *string      `json:"text"` // null: there is none
}

// answer is what one request was answered with: that of a prompt, which has another number where other prompts came before.
// No text is no error: it may not have been kept.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	seq, err := strconv.ParseInt(q.Get("seq"), 10, 64)
	if err != nil {
		reply(w, nil, fmt.Errorf("%w: seq=%s", rows.ErrQuery, q.Get("seq")))
		return
	}
	var out answered
	m, err := s.onAttempt(r, func(a *rows.Attempt) error {
		out.Request, err = a.Find(r.Context(), q.Get("prompt"), seq)
		if err != nil {
			return err
		}
		text, err := a.Text(r.Context(), out.Request.Seq)
		switch {
		case err == nil:
			out.Text = &text
		case errors.Is(err, fs.ErrNotExist):
			return nil
		}
		return err
	})
	out.Platform, out.Cell, out.Dataset = m.Platform, m.Name, datasetOf(m)
	reply(w, out, err)
}

// datasetOf is the hash of what an attempt took its prompts from; "" where nobody recorded it, as of what was imported.
func datasetOf(m record.Manifest) string {
	if m.Imported() {
		return ""
	}
	return m.Identity.Components.Get("dataset").Hash
}

// onAttempt calls do with the requests of the attempt that a request names. No path is made of what it says but of names that the
// store accepts, and that the manifest there repeats.
// fs.ErrNotExist for names of which there is nothing; the manifest comes with any error of do.
func (s *Server) onAttempt(r *http.Request, do func(*rows.Attempt) error) (record.Manifest, error) {
	q := r.URL.Query()
	experiment, slug, attempt := q.Get("experiment"), q.Get("slug"), q.Get("attempt")
	if _, err := ulid.ParseStrict(attempt); err != nil {
		return record.Manifest{}, fmt.Errorf("attempt %q: %w", attempt, fs.ErrNotExist)
	}
	if _, err := s.Store.AttemptNames(experiment, slug); err != nil {
		return record.Manifest{}, fmt.Errorf("attempt %q: %w", attempt, fs.ErrNotExist)
	}
	m, err := s.Store.ReadManifest(experiment, slug, attempt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		return m, err
	}
	return m, one(r.Context(), &s.paging, func() error {
		return s.cache.With(r.Context(), filepath.Join(s.Store.Root(), experiment, slug, attempt), do)
	})
}
