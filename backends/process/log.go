package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Tail returns the last n lines of a log, "" when it cannot be read. Of a line
// that a progress bar rewrote, only the last state is kept.
func Tail(path string, n int) string { return TailFrom(path, 0, n) }

// TailFrom is Tail of what stands behind offset: an appended log begins with earlier launches.
func TailFrom(path string, offset int64, n int) string {
	const most = 256 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(offset, info.Size()-most)
	text, err := io.ReadAll(io.NewSectionReader(f, from, max(info.Size()-from, 0)))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(len(lines)-n, 0):]
	for i, line := range lines {
		lines[i] = lastState(line)
	}
	return strings.Join(lines, "\n")
}

// lastState: a progress bar writes each state over the last, with a carriage return and no line feed.
func lastState(line string) string {
	line = strings.TrimRight(line, "\r")
	return line[strings.LastIndexByte(line, '\r')+1:]
}

// LastLine is what an engine said last, for a person who waits: the last line of its log that says something, as CleanLine
// leaves it, without what loggers put in front (process, level, time, source). "" when there is none.
func LastLine(path string, offset int64) string {
	const lines = 8 // the last may be blank
	all := strings.Split(TailFrom(path, offset, lines), "\n")
	for i := len(all) - 1; i >= 0; i-- {
		if line := bare(CleanLine(all[i])); line != "" {
			return line
		}
	}
	return ""
}

// CleanLine makes a log's line safe to show: no escape sequences, no control characters, valid UTF-8, at most 500 runes.
func CleanLine(line string) string {
	const most = 500
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, ansi.Strip(strings.ToValidUTF8(lastState(line), "\uFFFD")))
	if runes := []rune(line); len(runes) > most {
		line = string(runes[:most]) + "…"
	}
	return strings.TrimRight(line, " ")
}

var (
	// rePython finds what Python's loggers of vLLM put before a line, reSlog the fields of Go's, which Ollama writes.
	rePython = regexp.MustCompile(`^(?:\([A-Za-z_]+[^)]* pid=\d+\) )?(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):? +(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? +)?(?:\[[^\]]*\] +)?)?`)
	reSlog   = regexp.MustCompile(`^time=\S+ level=\S+ (?:source=\S+ )?msg=(?:"((?:[^"\\]|\\.)*)"|(\S+)) ?(.*)`)
)

// bare takes off what loggers put in front of a message: vLLM's processes and times, the keys of Go's slog.
func bare(line string) string {
	if m := reSlog.FindStringSubmatch(line); m != nil {
		return strings.TrimSpace(m[1] + m[2] + " " + m[3])
	}
	return strings.TrimSpace(line[len(rePython.FindString(line)):])
}

// watchBytes bounds what Watch reads at once, and a line: an engine may write faster than its log is read, and no line feed at all.
const watchBytes = 1 << 20

// Watch follows a growing log from offset on and calls each for every complete
// line, until ctx ends; then it reads what is there (an unfinished last line
// too) and returns. It polls: inotify would not see network file systems.
func Watch(ctx context.Context, path string, offset int64, each func(line string)) {
	const pause = 50 * time.Millisecond
	var rest []byte
	for {
		ended := ctx.Err() != nil
		var text []byte
		text, offset = readFrom(path, offset)
		rest = append(rest, text...)
		for {
			line, after, ok := bytes.Cut(rest, []byte{'\n'})
			if !ok {
				break
			}
			each(lastState(string(line)))
			rest = after
		}
		if len(rest) >= watchBytes {
			each(lastState(string(rest)))
			rest = nil
		}
		if len(text) == watchBytes {
			continue
		}
		if ended {
			if len(rest) > 0 {
				each(lastState(string(rest)))
			}
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// readFrom reads what came to a log since offset, watchBytes at most, and says where that ends. A log that cannot be read has
// nothing new.
func readFrom(path string, offset int64) ([]byte, int64) {
	f, err := os.Open(path)
	if err != nil {
		return nil, offset
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, offset, watchBytes))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, offset
	}
	return text, offset + int64(len(text))
}
