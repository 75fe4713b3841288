package events

import (
	"context"
	"log/slog"
)

// log writes an event into the program's log. What comes many times a second or every second is left out: there stands every
// few seconds what each launch waits for.
func (ev *Event) log(to *slog.Logger) {
	if to == nil || ev.Kind == CellProgress || ev.Kind == LaunchProgress {
		return
	}
	level := slog.LevelInfo
	if ev.Kind == Warning || ev.Kind == CellFailed {
		level = slog.LevelWarn
	}
	var attrs []slog.Attr
	text := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	text("attempt", ev.Attempt)
	if ev.Item != nil {
		text("cell", ev.Item.Cell.Name())
		attrs = append(attrs, slog.Int("launch", ev.Launch))
	}
	text("phase", ev.Phase)
	text("part", ev.Part)
	text("status", ev.Status)
	text("message", ev.Message)
	text("log_tail", ev.LogTail)
	if ev.Took > 0 {
		attrs = append(attrs, slog.Float64("took_s", ev.Took.Seconds()))
	}
	if ev.Limit > 0 {
		attrs = append(attrs, slog.Float64("limit_s", ev.Limit.Seconds()))
	}
	to.LogAttrs(context.Background(), level, string(ev.Kind), attrs...)
}
