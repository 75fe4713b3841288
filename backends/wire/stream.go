package wire

import (
	"errors"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"matrix/backends"
)

// maxTextBytes bounds one answer: a server that never stops talking must not take our memory.
const maxTextBytes = 64 << 20

// stream reads one answer. Streams are used again: in the steady state an event allocates nothing.
type stream struct {
	lines
	call     *Call           // nil between two answers
	reply    *backends.Reply // the caller's; filled as lines come
	template template        // of this stream alone: it learns from its own events
	text     []byte          // of the answer, without reasoning; perhaps no valid UTF-8 before its end
	thought  []byte          // the end of the reasoning, while no answer followed it
	pending  []byte          // data lines of an event that is not complete JSON yet
	ended    bool            // the end mark came
	finished func()          // called once, with the end mark
	endedAt  time.Time       // of the end mark
	reported bool            // the engine told its token counts
	failing  bool            // the event that is being read is named an error
	spoken   int             // bytes of text, thought included
	counted  int             // events with text when the engine last told its token counts
}

// streams keeps buffers of answers that are over: thousands in flight would have the collector busy with them.
var streams = sync.Pool{New: func() any { return new(stream) }}

// read fills the reply from the body and says how the answer ended. finished is called when the end mark came: the
// answer is whole then, and what follows can only be the end of the stream.
func read(body io.Reader, call *Call, reply *backends.Reply, finished func()) {
	s := streams.Get().(*stream)
	s.open(body)
	s.call, s.reply, s.finished = call, reply, finished
	s.ended, s.reported, s.failing, s.spoken, s.counted = false, false, false, 0, 0
	s.text, s.thought, s.pending = s.text[:0], s.thought[:0], s.pending[:0]
	s.template.known = false
	err := s.readAll()
	s.close(err)
	s.call, s.reply, s.finished = nil, nil, nil
	s.drop()
	if cap(s.text) > keptLineBytes {
		s.text = nil
	}
	streams.Put(s)
}

// readAll takes line by line until an error, io.EOF in the good case; close makes of it how the answer ended.
func (s *stream) readAll() error {
	take := s.ndjson
	if s.call.Protocol.SSE() {
		take = s.sse
	}
	for {
		line, err := s.next()
		if err != nil {
			return err
		}
		if err := take(line); err != nil {
			return err
		}
	}
}

// close books how the stream ended.
func (s *stream) close(err error) {
	r := s.reply
	r.Text = strings.ToValidUTF8(string(s.text), string(utf8.RuneError))
	r.Done = s.at
	if r.Done.IsZero() {
		r.Done = time.Now()
	}
	var broken *answerError
	switch {
	case errors.As(err, &broken):
		setEnd(r, broken.status, broken.class, broken.text)
	case errors.Is(err, errLineTooLong):
		setEnd(r, backends.Malformed, "line_too_long", err.Error())
	case errors.Is(err, errTooMuch):
		setEnd(r, backends.Malformed, "answer_too_long", err.Error())
	case s.ended:
		s.judge()
		if !errors.Is(err, io.EOF) {
			r.Done = s.endedAt // the answer is whole; that the connection then broke or hung is not its end
		}
	case errors.Is(err, io.EOF) && len(s.pending) == 0 && s.reported && r.FinishReason != "":
		s.judge() // finish_reason, usage and an end in order: whole, though some servers leave [DONE] out
		r.Flag(backends.FlagNoEndMark)
	case errors.Is(err, io.EOF) && len(s.pending) > 0:
		setEnd(r, backends.Malformed, "malformed_json", "the last event is no JSON: "+excerpt(s.pending))
	case errors.Is(err, io.EOF):
		if backends.Repeats(r.Text) || backends.Repeats(string(s.thought)) {
			setEnd(r, backends.Repeated, "repeated", "the server ended an answer that repeats itself, without an end mark: some do at 30 equal tokens")
			break
		}
		setEnd(r, backends.Truncated, "no_end_mark", "the stream ended without its end mark")
	case badFraming(err):
		setEnd(r, backends.Malformed, "bad_framing", err.Error())
	default:
		setEnd(r, backends.Disconnected, connectionClass(err), err.Error())
		r.Done = time.Now()
	}
}

// judge holds a whole answer's counts, and the end that it names, against what was asked and seen.
func (s *stream) judge() {
	r := s.reply
	r.Status = backends.OK
	s.plausible()
	if r.OutputTokens != nil && r.TokenSource == "" {
		r.TokenSource = "usage"
	}
	if r.FirstChunk.IsZero() {
		setEnd(r, backends.Malformed, "empty_answer", "the end mark came without any event before it")
		return
	}
	if r.Finish(); r.Chunks == 0 || s.call.Protocol.SSE() {
		return
	}
	if r.ErrorClass == "finish_load" || r.ErrorClass == "finish_unload" { // there is text, whatever it is called
		setEnd(r, backends.OK, "", "")
		r.Flag(backends.FlagUnknownFinish)
	}
}

// plausible takes out the counts that cannot be.
func (s *stream) plausible() {
	r, window := s.reply, s.call.Context
	if r.OutputTokens != nil && *r.OutputTokens == 0 && r.Chunks > 0 {
		r.OutputTokens = nil // text out of no tokens: the count was not filled in
	}
	if r.OutputTokens != nil && s.counted > 0 && s.counted < r.Chunks {
		r.Flag(backends.FlagBadCount) // text came behind the last count
		r.OutputTokens, r.Reasoning = nil, nil
	}
	if r.InputTokens != nil && *r.InputTokens == 0 {
		r.InputTokens = nil
	}
	r.InputTokens = r.Plausible(r.InputTokens, window)
	cached := window
	if s.call.Protocol.SSE() && r.InputTokens != nil { // Ollama has counted the prompt without them, too
		cached = *r.InputTokens
	}
	r.CachedTokens = r.Plausible(r.CachedTokens, cached)
	r.OutputTokens = r.Plausible(r.OutputTokens, window)
	if r.Reasoning != nil && r.OutputTokens != nil {
		r.Reasoning = r.Plausible(r.Reasoning, *r.OutputTokens)
	}
	if r.OutputTokens != nil && *r.OutputTokens < int64(r.Chunks) {
		r.Flag(backends.FlagFewTokens)
	}
	most := int64(s.call.Request.MaxTokens)
	if r.OutputTokens == nil || most <= 0 || *r.OutputTokens <= most {
		return
	}
	// Some servers count the end of the sequence, and some do not heed the limit: then there is text for the tokens.
	if n := *r.OutputTokens; n <= most+max(8, most/10) || n <= int64(s.spoken) {
		r.Flag(backends.FlagOverMax)
		return
	}
	r.Flag(backends.FlagBadCount)
	r.OutputTokens = nil
}

// event books an event that belongs to the answer.
func (s *stream) event() {
	if s.reply.FirstChunk.IsZero() {
		s.reply.FirstChunk = s.at
	}
}

// spoke books an event with text; thought counts like an answer.
func (s *stream) spoke() error {
	r := s.reply
	if r.FirstToken.IsZero() {
		r.FirstToken = s.at
	} else if s.call.Request.Chunks {
		r.ChunkGaps = append(r.ChunkGaps, s.at.Sub(r.LastToken).Seconds())
	}
	r.LastToken = s.at
	r.Chunks++
	s.call.Request.Flight.Spoke(s.at)
	if len(s.text) > maxTextBytes {
		return malformed("answer_too_long", "the answer is longer than 64 MiB")
	}
	if cap(s.text) > keptLineBytes {
		return s.afford(len(s.buf) + cap(s.pending) + 2*cap(s.text)) // twice: it becomes a string at its end
	}
	return nil
}

// plain takes a line that fits the template; false = parse it.
func (s *stream) plain(line []byte) (bool, error) {
	literal, ok := s.template.text(line)
	if !ok || s.ended {
		return false, nil
	}
	before := len(s.text)
	text, ok := appendUnescaped(s.text, literal)
	if !ok {
		return false, nil
	}
	if len(text) == before {
		return true, nil // an event without text
	}
	s.adds(text, before, s.template.reasoning)
	return true, s.spoke()
}

// say takes a text of a parsed event: the string as it stands in the line, quotes included, nil for none. The caller
// books the event as spoken, once whatever it holds.
func (s *stream) say(literal []byte, reasoning bool) (bool, error) {
	if len(literal) == 0 || string(literal) == "null" {
		return false, nil
	}
	if len(literal) < 2 || literal[0] != '"' {
		return false, malformed("malformed_event", "the text is no string: "+excerpt(literal))
	}
	before := len(s.text)
	text, ok := appendUnescaped(s.text, literal[1:len(literal)-1])
	if !ok {
		return false, malformed("malformed_json", "the text is no JSON string: "+excerpt(literal))
	}
	if len(text) == before {
		return false, nil
	}
	s.adds(text, before, reasoning)
	s.reply.Thought = s.reply.Thought || reasoning
	return true, nil
}

// literal is a text as an event has it: a JSON string with its quotes, "null" or nothing.
type literal struct {
	json      []byte
	reasoning bool
}

// sayEach says what an event holds in several fields; last is the index of the last that held text, −1 where none did.
func (s *stream) sayEach(texts []literal) (last int, several bool, err error) {
	last = -1
	for i, t := range texts {
		said, err := s.say(t.json, t.reasoning)
		if err != nil {
			return last, several, err
		}
		if said {
			last, several = i, last >= 0
		}
	}
	return last, several, nil
}

// adds takes the text so far, of which the newest, from before on, may be reasoning: of that only the end is kept, to tell
// a loop.
func (s *stream) adds(text []byte, before int, reasoning bool) {
	s.spoken += len(text) - before
	if reasoning {
		s.thought = append(s.thought, text[before:]...)
		if over := len(s.thought) - backends.RepeatTail; over > backends.RepeatTail {
			s.thought = append(s.thought[:0], s.thought[over:]...)
		}
		return
	}
	s.text, s.thought = text, s.thought[:0]
	if s.reply.FirstAnswer.IsZero() {
		s.reply.FirstAnswer = s.at
	}
}

// end books the end mark.
func (s *stream) end() error {
	if s.ended {
		return malformed("done_twice", "the end mark came twice")
	}
	s.ended, s.endedAt = true, s.at
	s.finished()
	return nil
}
