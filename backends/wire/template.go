package wire

import "bytes"

// template is the shape of an ordinary event, learned from one that was parsed in full: all bytes but the text, and a
// time stamp before it, are equal from event to event. A line that fits is the same event with another text, proven
// byte by byte, without parsing it. Anything else is parsed. A JSON scanner that hops from key to key was the other
// road: slower, and lenient.
type template struct {
	known     bool   // there is a pattern; else every line is parsed
	stamped   bool   // there is a time stamp between head and middle
	reasoning bool   // the text is thought, not answer
	head      []byte // up to the time stamp
	middle    []byte // from there up to the text's opening quote
	tail      []byte // from its closing quote on
}

// text returns what stands between the quotes, still escaped.
func (t *template) text(line []byte) ([]byte, bool) {
	if !t.known || !bytes.HasPrefix(line, t.head) || !bytes.HasSuffix(line, t.tail) {
		return nil, false
	}
	rest := line[len(t.head):]
	if t.stamped {
		rest = rest[stampLength(rest):]
	}
	if len(rest) < len(t.middle)+len(t.tail) || !bytes.HasPrefix(rest, t.middle) {
		return nil, false
	}
	return rest[len(t.middle) : len(rest)-len(t.tail)], true
}

// stampLength counts the bytes of a number or of an RFC 3339 time.
func stampLength(s []byte) int {
	for i, c := range s {
		if (c < '0' || c > '9') && c != '-' && c != ':' && c != '.' && c != 'T' && c != 'Z' && c != '+' {
			return i
		}
	}
	return len(s)
}

var (
	// textKeys, thinkKeys and stampKeys are where engines put text, reasoning and the time: the parts by which one event of
	// a stream differs from the next.
	textKeys  = [][]byte{[]byte(`"text":`), []byte(`"content":`), []byte(`"response":`)}
	thinkKeys = [][]byte{[]byte(`"reasoning_content":`), []byte(`"reasoning":`), []byte(`"thinking":`)}
	stampKeys = [][]byte{[]byte(`"created":`), []byte(`"created_at":"`)}
)

// learn takes an event as the pattern of those to come. literal is the text with its quotes as it stands in the
// line. A quote inside a JSON string is escaped, so a key found with both its quotes is a key.
func (t *template) learn(line, literal []byte, reasoning bool) {
	t.known = false
	keys := textKeys
	if reasoning {
		keys = thinkKeys
	}
	at := -1
	for _, key := range keys {
		i := bytes.Index(line, key)
		if i < 0 {
			continue
		}
		if at >= 0 || bytes.Contains(line[i+len(key):], key) {
			return // more than one candidate
		}
		at = i + len(key)
	}
	if at < 0 {
		return
	}
	for at < len(line) && line[at] == ' ' {
		at++
	}
	if !bytes.HasPrefix(line[at:], literal) || len(literal) < 2 {
		return
	}
	t.keep(line, at+1, at+len(literal)-1, reasoning)
}

// keep copies the parts around the text between from and to.
func (t *template) keep(line []byte, from, to int, reasoning bool) {
	cut, skip := 0, 0
	for _, key := range stampKeys {
		if i := bytes.Index(line[:from], key); i >= 0 {
			cut = i + len(key)
			skip = stampLength(line[cut:from])
			break
		}
	}
	t.stamped = cut > 0
	t.head = append(t.head[:0], line[:cut]...)
	t.middle = append(t.middle[:0], line[cut+skip:from]...)
	t.tail = append(t.tail[:0], line[to:]...)
	t.reasoning = reasoning
	t.known = true
}
