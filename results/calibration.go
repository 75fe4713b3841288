package results

import "matrix/results/record"

func calibrationColumns() []column[record.RunRow] {
	of := func(pick func(*Calibration) float64) func(*record.RunRow) *float64 {
		return func(r *record.RunRow) *float64 {
			if r.Run.Calibration == nil {
				return nil
			}
			v := pick(r.Run.Calibration)
			return &v
		}
	}
	return []column[record.RunRow]{
		known("calibration_unix_s", "s", "when matrix calibrate measured what the client costs here; null: never on this machine", of(func(c *Calibration) float64 { return c.UnixS })),
		known("calibration_events_per_s_core", "1/s", "events that come together, at one second of the client's CPU", of(func(c *Calibration) float64 { return c.EventsPerSCore })),
		known("calibration_cpu_per_request_s", "s", "client CPU of a request with one event", of(func(c *Calibration) float64 { return c.CPUPerRequestS })),
		known("calibration_cpu_per_event_s", "s", "client CPU of a further event that comes by itself", of(func(c *Calibration) float64 { return c.CPUPerEventS })),
		known("calibration_timestamp_error_p99_s", "s", "receipt of an event − its writing by the mock", of(func(c *Calibration) float64 { return c.TimestampErrorP99S })),
		known("calibration_send_lateness_p99_s", "s", "sent − scheduled at 1,000 requests a second", of(func(c *Calibration) float64 { return c.SendLatenessP99S })),
	}
}
