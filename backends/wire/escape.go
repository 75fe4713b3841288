package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnescaped appends what stands between the quotes of a JSON string. Bytes that are no UTF-8 pass as they are:
// a character torn in two events is whole again once they are joined. ok is false for what no JSON string may hold.
func appendUnescaped(dst, s []byte) (out []byte, ok bool) {
	start := len(dst)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			dst = append(dst, c)
			continue
		}
		if c != '\\' || i+1 == len(s) {
			return dst[:start], false
		}
		i++
		if s[i] != 'u' {
			plain := plainEscape(s[i])
			if plain == 0 {
				return dst[:start], false
			}
			dst = append(dst, plain)
			continue
		}
		r, used := unicodeEscape(s[i+1:])
		if used == 0 {
			return dst[:start], false
		}
		dst = utf8.AppendRune(dst, r)
		i += used
	}
	return dst, true
}

// plainEscape is what a backslash and c stand for, 0 for no escape.
func plainEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return 0
}

// unicodeEscape reads XXXX, or XXXX\uXXXX where the two are a surrogate pair. A lone surrogate is U+FFFD, as
// encoding/json has it.
func unicodeEscape(s []byte) (r rune, used int) {
	high, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(high) {
		return high, 4
	}
	if len(s) >= 10 && s[4] == '\\' && s[5] == 'u' {
		if low, ok := hex4(s[6:]); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r, 10
			}
		}
	}
	return utf8.RuneError, 4
}

// hex4 goes by ParseUint's rules: in base 16 it takes no sign, underscore or 0x.
func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	return rune(n), err == nil
}
