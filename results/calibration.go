package results

// Calibration is what matrix's own client costs on a machine, as `matrix calibrate` measured it against a mock server.
type Calibration struct {
	Host               string  `json:"host"`
	Cores              int     `json:"cores"`
	UnixS              float64 `json:"unix_s"`                    // when it was measured
	EventsPerSCore     float64 `json:"events_per_s_core"`         // events that came together, at one second of CPU
	CPUPerRequestS     float64 `json:"cpu_per_request_s"`         // an answer of one event
	CPUPerEventS       float64 `json:"cpu_per_event_s"`           // a further event that comes by itself
	TimestampErrorP99S float64 `json:"timestamp_error_p99_s"`     // an event's time of receipt − the server's time of writing
	SendLatenessP99S   float64 `json:"send_lateness_p99_s"`       // at 1,000 requests a second: time of sending − time scheduled
	MockLateP99S       float64 `json:"mock_late_p99_s,omitempty"` // how late the mock itself was; part of no other figure
}

// CPUCores is how many cores the client needs for so many requests and events a second.
func (c Calibration) CPUCores(requestsPerS, eventsPerS float64) float64 {
	return requestsPerS*c.CPUPerRequestS + max(0, eventsPerS-requestsPerS)*c.CPUPerEventS
}

func calibrationColumns() []column[runRow] {
	of := func(pick func(*Calibration) float64) func(*runRow) *float64 {
		return func(r *runRow) *float64 {
			if r.Run.Calibration == nil {
				return nil
			}
			v := pick(r.Run.Calibration)
			return &v
		}
	}
	return []column[runRow]{
		known("calibration_unix_s", "s", "when matrix calibrate measured what the client costs here; null: never on this machine", of(func(c *Calibration) float64 { return c.UnixS })),
		known("calibration_events_per_s_core", "1/s", "events that come together, at one second of the client's CPU", of(func(c *Calibration) float64 { return c.EventsPerSCore })),
		known("calibration_cpu_per_request_s", "s", "client CPU of a request with one event", of(func(c *Calibration) float64 { return c.CPUPerRequestS })),
		known("calibration_cpu_per_event_s", "s", "client CPU of a further event that comes by itself", of(func(c *Calibration) float64 { return c.CPUPerEventS })),
		known("calibration_timestamp_error_p99_s", "s", "receipt of an event − its writing by the mock", of(func(c *Calibration) float64 { return c.TimestampErrorP99S })),
		known("calibration_send_lateness_p99_s", "s", "sent − scheduled at 1,000 requests a second", of(func(c *Calibration) float64 { return c.SendLatenessP99S })),
	}
}
