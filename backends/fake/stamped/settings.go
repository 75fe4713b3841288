package stamped

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Settings are how the mock answers from now on.
type Settings struct {
	Tokens int           `json:"tokens"` // events with text in each answer
	Gap    time.Duration `json:"gap_ns"` // between two events, and before the first; 0 = the whole answer in one write
}

// Counts are what the mock saw since its last settings.
type Counts struct {
	Requests   int64   `json:"requests"`         // that were read whole
	Completed  int64   `json:"completed"`        // answered to the end
	InFlight   int64   `json:"in_flight"`        // now
	MostAtOnce int64   `json:"most_at_once"`     //
	MeanAtOnce float64 `json:"mean_at_once"`     // over the time between the first request and the last end
	CPUS       float64 `json:"cpu_s"`            // of the mock's process
	LateP99S   float64 `json:"own_late_p99_s"`   // how late the mock itself wrote, against its own schedule
	FirstNs    int64   `json:"first_arrival_ns"` // on the clock of Now
	LastNs     int64   `json:"last_end_ns"`      //
}

// Set changes the settings of the mock at url and begins its counts anew.
func Set(ctx context.Context, url string, s Settings) error {
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("set the mock: %w", err)
	}
	return call(ctx, url+"/mock/settings", body, nil)
}

// Count asks the mock at url for its counts.
func Count(ctx context.Context, url string) (c Counts, err error) {
	return c, call(ctx, url+"/mock/counts", nil, &c)
}

// call asks the server's own endpoints, on a connection of its own that no measured request shares.
func call(ctx context.Context, url string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the mock: %w", err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the mock: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the mock: %s", resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
