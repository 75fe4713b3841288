package apply

import (
	"context"
	"fmt"
	"slices"

	"matrix/runner/machine"
)

// disturbers warns of processes that compute on the GPUs already. The servers that the plan asks are what is measured.
// It only warns; where isolation.exclusive is set, drain waits for them to end.
func (s *session) disturbers(ctx context.Context) {
	urls, own := s.attachedURLs()
	for _, p := range s.site.Base.Compute {
		if !own && s.site.Host.Serves(ctx, p.PID, urls) {
			continue
		}
		s.site.Events.Warn(fmt.Sprintf("%s is on %s already, with %d MiB; its work disturbs what is measured", machine.ProcessName(p.GPUProcess), p.GPU, p.Bytes>>20))
	}
}

// attachedURLs are the servers that the plan asks; own: it also starts engines, which those servers disturb.
func (s *session) attachedURLs() (urls []string, own bool) {
	for _, step := range s.site.Plan.Order {
		c := step.Item.Cell
		own = own || c.Platform.Local()
		if url := c.Platform.URL; c.Platform.Attached() && !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	return urls, own
}
